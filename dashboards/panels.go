package dashboards

// prometheus is the data source that the reader chose at the head of the board.
func prometheus() *DataSource {
	return &DataSource{Type: "prometheus", UID: "${datasource}"}
}

// Colours by what they say. Words always say it too.
const (
	calm    = "green"
	neutral = "text"
	unsure  = "blue"
	warning = "orange"
	grave   = "red"
)

func number(v float64) *float64 { return &v }

func decimals(n int) *int { return &n }

// size is a place on the grid, still without its position.
func size(w, h int) GridPos { return GridPos{W: w, H: h} }

// steps are thresholds: a first colour, and others from a value upwards.
func steps(first string, more ...Step) *Thresholds {
	return &Thresholds{Mode: "absolute", Steps: append([]Step{{Color: first}}, more...)}
}

func from(value float64, color string) Step { return Step{Color: color, Value: &value} }

// series is a query over the time range; legend may name labels as {{label}}.
func series(legend, expr string) Target {
	return Target{RefID: "A", Datasource: prometheus(), Expr: expr, LegendFormat: legend, Format: "time_series", Range: true}
}

// latest is a query for the present values, as rows of a table.
func latest(ref, expr string) Target {
	return Target{RefID: ref, Datasource: prometheus(), Expr: expr, Format: "table", Instant: true}
}

// stat is one large value of now.
func stat(at GridPos, title, description, expr string, look Field) Panel {
	query := latest("A", expr)
	query.Format = "time_series"
	return panel(at, title, description, look, StatOptions{
		ReduceOptions: Reduce{Calcs: []string{"lastNotNull"}},
		ColorMode:     "background", GraphMode: "none", JustifyMode: "center", Orientation: "auto", TextMode: "value",
		WideLayout: true, PercentChangeColorMode: "standard",
	}, query)
}

// lines are values over time.
func lines(at GridPos, title, description string, look Field, queries ...Target) Panel {
	look.Color = &Color{Mode: "palette-classic"}
	look.Custom.DrawStyle, look.Custom.LineWidth, look.Custom.ShowPoints = "line", 1, "never"
	return panel(at, title, description, look, TimeseriesOptions{
		Legend:  Legend{DisplayMode: "list", Placement: "bottom", ShowLegend: true, Calcs: []string{}},
		Tooltip: Tooltip{Mode: "multi", Sort: "desc"},
	}, queries...)
}

// states are words over time; look.Mappings give each value its word.
func states(at GridPos, title, description string, look Field, queries ...Target) Panel {
	look.Color = &Color{Mode: "thresholds"}
	look.Custom.FillOpacity, look.Custom.LineWidth = 70, 1
	return panel(at, title, description, look, StateTimelineOptions{
		ShowValue: "auto", RowHeight: 0.9, MergeValues: true, AlignValue: "left",
		Legend:  Legend{DisplayMode: "list", Placement: "bottom", ShowLegend: true, Calcs: []string{}},
		Tooltip: Tooltip{Mode: "single", Sort: "none"},
	}, queries...)
}

// table is rows of now, sorted by a column as it is shown.
func table(at GridPos, title, description string, by SortBy, queries ...Target) Panel {
	return panel(at, title, description, Field{Custom: Custom{CellOptions: &CellOptions{Type: "auto"}, Filterable: true}},
		TableOptions{ShowHeader: true, CellHeight: "sm", SortBy: []SortBy{by}}, queries...)
}

func panel(at GridPos, title, description string, look Field, options Options, queries ...Target) Panel {
	if look.Mappings == nil {
		look.Mappings = []Mapping{}
	}
	if look.Thresholds == nil {
		look.Thresholds = steps(neutral)
	}
	return Panel{
		Type: options.kind(), Title: title, Description: description, GridPos: at, Datasource: prometheus(),
		Targets: queries, FieldConfig: &FieldConfig{Defaults: look, Overrides: []Override{}}, Options: options,
	}
}

// column is a column of a table: where it comes from, what it is called, and how it looks.
type column struct {
	field, title string
	look         []Property
}

// columns merges the queries of a table into one, shows these columns in this order, and hides all others it names.
func (p Panel) columns(hidden []string, shown ...column) Panel {
	order := Organize{ExcludeByName: map[string]bool{}, IndexByName: map[string]int{}, RenameByName: map[string]string{}}
	for _, name := range hidden {
		order.ExcludeByName[name] = true
	}
	for i, c := range shown {
		order.IndexByName[c.field], order.RenameByName[c.field] = i, c.title
		if c.look != nil {
			p.FieldConfig.Overrides = append(p.FieldConfig.Overrides,
				Override{Matcher: Matcher{ID: "byName", Options: c.title}, Properties: c.look})
		}
	}
	p.Transformations = []Transformation{{ID: "merge", Options: struct{}{}}, {ID: "organize", Options: order}}
	return p
}

// matrix makes a column of each value of a label, and a row of each tenant.
func (p Panel) matrix(label string) Panel {
	p.Transformations = []Transformation{{ID: "groupingToMatrix", Options: Matrix{
		ColumnField: label, RowField: "tenant", ValueField: "Value", EmptyValue: "null",
	}}}
	return p
}

// share is the look of a column of shares of one.
func share(thresholds *Thresholds) []Property {
	look := []Property{{ID: "unit", Value: "percentunit"}, {ID: "decimals", Value: 2}}
	if thresholds != nil {
		look = append(look, Property{ID: "thresholds", Value: thresholds},
			Property{ID: "custom.cellOptions", Value: CellOptions{Type: "color-text"}})
	}
	return look
}
