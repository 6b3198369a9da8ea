package dashboards

// FieldConfig says how values look.
type FieldConfig struct {
	Defaults  Field      `json:"defaults"`
	Overrides []Override `json:"overrides"`
}

// Field is the look of a value: its unit, its limits and what it means.
type Field struct {
	Unit       string      `json:"unit,omitempty"` // as Grafana names units: percentunit, s, bytes, short
	Decimals   *int        `json:"decimals,omitempty"`
	Min        *float64    `json:"min,omitempty"`
	Max        *float64    `json:"max,omitempty"`
	NoValue    string      `json:"noValue,omitempty"`
	Color      *Color      `json:"color,omitempty"`
	Thresholds *Thresholds `json:"thresholds,omitempty"`
	Mappings   []Mapping   `json:"mappings"`
	Custom     Custom      `json:"custom"`
}

// Custom is the look that belongs to one kind of panel; which fields apply depends on it.
type Custom struct {
	DrawStyle       string          `json:"drawStyle,omitempty"`
	LineWidth       int             `json:"lineWidth,omitempty"`
	FillOpacity     int             `json:"fillOpacity,omitempty"`
	ShowPoints      string          `json:"showPoints,omitempty"`
	ThresholdsStyle *ThresholdStyle `json:"thresholdsStyle,omitempty"`
	CellOptions     *CellOptions    `json:"cellOptions,omitempty"`
	Filterable      bool            `json:"filterable,omitempty"`
}

// ThresholdStyle says how a time series draws its thresholds.
type ThresholdStyle struct {
	Mode string `json:"mode"` // "line", "area" or "off"
}

// CellOptions say how a table draws a cell.
type CellOptions struct {
	Type string `json:"type"` // "auto", "color-text" or "color-background"
	Mode string `json:"mode,omitempty"`
}

// Color says where a value's colour comes from.
type Color struct {
	Mode string `json:"mode"` // "thresholds" or "palette-classic"
}

// Thresholds colour a value by its size.
type Thresholds struct {
	Mode  string `json:"mode"`
	Steps []Step `json:"steps"`
}

// Step is a colour from a value upwards; the first step has none.
type Step struct {
	Color string   `json:"color"`
	Value *float64 `json:"value"`
}

// Mapping gives values words, so that no meaning hangs on a colour alone.
type Mapping struct {
	Type    string `json:"type"` // "value" with Words, or "special" with Special
	Options any    `json:"options"`
}

// Words are results by the value as text.
type Words map[string]Result

// Special maps what is not a number.
type Special struct {
	Match  string `json:"match"` // "null", "nan", "null+nan" or "empty"
	Result Result `json:"result"`
}

// Result is what is shown instead of a value.
type Result struct {
	Text  string `json:"text"`
	Color string `json:"color,omitempty"`
	Index int    `json:"index"`
}

// Override changes the look of some fields.
type Override struct {
	Matcher    Matcher    `json:"matcher"`
	Properties []Property `json:"properties"`
}

// Matcher chooses fields.
type Matcher struct {
	ID      string `json:"id"` // "byName"
	Options string `json:"options"`
}

// Property is one changed property, by its path in Field.
type Property struct {
	ID    string `json:"id"`
	Value any    `json:"value"`
}

// Options are the settings of one kind of panel. Their type names the kind.
type Options interface {
	kind() string
}

// StatOptions are those of a panel with one large value.
type StatOptions struct {
	ReduceOptions Reduce `json:"reduceOptions"`
	ColorMode     string `json:"colorMode"` // "value", "background" or "none"
	GraphMode     string `json:"graphMode"` // "none" or "area"
	JustifyMode   string `json:"justifyMode"`
	Orientation   string `json:"orientation"`
	TextMode      string `json:"textMode"` // "auto", "value", "name" or "value_and_name"
	WideLayout    bool   `json:"wideLayout"`

	ShowPercentChange      bool   `json:"showPercentChange"`
	PercentChangeColorMode string `json:"percentChangeColorMode"`
}

// Reduce makes one value of a series.
type Reduce struct {
	Calcs  []string `json:"calcs"`
	Fields string   `json:"fields"`
	Values bool     `json:"values"`
}

// TimeseriesOptions are those of a panel with lines over time.
type TimeseriesOptions struct {
	Legend  Legend  `json:"legend"`
	Tooltip Tooltip `json:"tooltip"`
}

// TableOptions are those of a table.
type TableOptions struct {
	FrameIndex int      `json:"frameIndex"`
	ShowHeader bool     `json:"showHeader"`
	CellHeight string   `json:"cellHeight"`
	SortBy     []SortBy `json:"sortBy"`
}

// SortBy sorts a table by a column as it is shown.
type SortBy struct {
	DisplayName string `json:"displayName"`
	Desc        bool   `json:"desc"`
}

// StateTimelineOptions are those of a panel with states over time.
type StateTimelineOptions struct {
	ShowValue   string  `json:"showValue"`
	RowHeight   float64 `json:"rowHeight"`
	MergeValues bool    `json:"mergeValues"`
	AlignValue  string  `json:"alignValue"`
	Legend      Legend  `json:"legend"`
	Tooltip     Tooltip `json:"tooltip"`
}

// Legend says which line is which.
type Legend struct {
	DisplayMode string   `json:"displayMode"`
	Placement   string   `json:"placement"`
	ShowLegend  bool     `json:"showLegend"`
	Calcs       []string `json:"calcs"`
}

// Tooltip is what is shown under the pointer.
type Tooltip struct {
	Mode string `json:"mode"`
	Sort string `json:"sort"`
}

func (StatOptions) kind() string          { return "stat" }
func (TimeseriesOptions) kind() string    { return "timeseries" }
func (TableOptions) kind() string         { return "table" }
func (StateTimelineOptions) kind() string { return "state-timeline" }
