package dashboards

// schemaVersion is the version of Grafana's dashboard schema that the boards are written for; newer Grafanas migrate it.
const schemaVersion = 39

// Dashboard is one board as Grafana loads it from a file.
type Dashboard struct {
	UID           string      `json:"uid"` // stable, so that links to the board survive an upgrade; also the file's name
	Title         string      `json:"title"`
	Description   string      `json:"description"`
	Tags          []string    `json:"tags"`
	Editable      bool        `json:"editable"`
	GraphTooltip  int         `json:"graphTooltip"` // 1: one cross hair in all panels
	SchemaVersion int         `json:"schemaVersion"`
	Version       int         `json:"version"`
	Refresh       string      `json:"refresh"`
	Time          TimeRange   `json:"time"`
	Timezone      string      `json:"timezone"`
	Templating    Templating  `json:"templating"`
	Annotations   Annotations `json:"annotations"`
	Links         []Link      `json:"links"`
	Panels        []Panel     `json:"panels"`
}

// TimeRange is what the board shows when it is opened.
type TimeRange struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Annotations are marks over all time series; the boards have none.
type Annotations struct {
	List []struct{} `json:"list"`
}

// Link leads from a board to another page.
type Link struct {
	Title       string   `json:"title"`
	Type        string   `json:"type"` // "link", or "dashboards" for all boards with one of Tags
	URL         string   `json:"url"`
	Tags        []string `json:"tags"`
	Icon        string   `json:"icon"`
	Tooltip     string   `json:"tooltip"`
	TargetBlank bool     `json:"targetBlank"`
	AsDropdown  bool     `json:"asDropdown"`
	IncludeVars bool     `json:"includeVars"`
	KeepTime    bool     `json:"keepTime"`
}

// Templating holds the variables at the head of the board.
type Templating struct {
	List []Variable `json:"list"`
}

// Variable is one choice at the head of the board. Queries of a board name it as $name.
type Variable struct {
	Name       string         `json:"name"`
	Label      string         `json:"label"`
	Type       string         `json:"type"` // "datasource" or "query"
	Query      string         `json:"query"`
	Datasource *DataSource    `json:"datasource,omitempty"`
	Multi      bool           `json:"multi"`
	IncludeAll bool           `json:"includeAll"`
	AllValue   string         `json:"allValue,omitempty"`
	Current    VariableOption `json:"current"`
	Refresh    int            `json:"refresh"` // 1 when the board is loaded, 2 when the time range changes
	Sort       int            `json:"sort"`    // 1 by name
	Hide       int            `json:"hide"`
}

// VariableOption is a value of a variable as it is shown and as queries see it.
type VariableOption struct {
	Text  string `json:"text"`
	Value string `json:"value"`
}

// DataSource says whom to ask.
type DataSource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

// Panel is one picture on the board, or the head of a row of them.
type Panel struct {
	ID              int              `json:"id"`
	Type            string           `json:"type"`
	Title           string           `json:"title"`
	Description     string           `json:"description,omitempty"`
	GridPos         GridPos          `json:"gridPos"`
	Datasource      *DataSource      `json:"datasource,omitempty"`
	Targets         []Target         `json:"targets,omitempty"`
	FieldConfig     *FieldConfig     `json:"fieldConfig,omitempty"`
	Options         Options          `json:"options,omitempty"`
	Transformations []Transformation `json:"transformations,omitempty"`
	Collapsed       *bool            `json:"collapsed,omitempty"` // of rows only
	Panels          []Panel          `json:"panels,omitempty"`    // of collapsed rows only
}

// GridPos is a place on the grid, which is 24 columns wide. A unit of height is 30 pixels.
type GridPos struct {
	H int `json:"h"`
	W int `json:"w"`
	X int `json:"x"`
	Y int `json:"y"`
}

// Target is one query of a panel.
type Target struct {
	RefID        string      `json:"refId"`
	Datasource   *DataSource `json:"datasource"`
	Expr         string      `json:"expr"`
	LegendFormat string      `json:"legendFormat"`
	Format       string      `json:"format"` // "time_series" or "table"
	Instant      bool        `json:"instant"`
	Range        bool        `json:"range"`
}

// Transformation reshapes what the queries return before it is shown.
type Transformation struct {
	ID      string `json:"id"`
	Options any    `json:"options"`
}

// Organize are the options of the transformation that hides and renames columns.
type Organize struct {
	ExcludeByName map[string]bool   `json:"excludeByName"`
	IndexByName   map[string]int    `json:"indexByName"`
	RenameByName  map[string]string `json:"renameByName"`
}

// Matrix are the options of the transformation that turns the values of one label into columns.
type Matrix struct {
	ColumnField string `json:"columnField"`
	RowField    string `json:"rowField"`
	ValueField  string `json:"valueField"`
	EmptyValue  string `json:"emptyValue"`
}
