package dashboards

// gridColumns is the width of Grafana's grid.
const gridColumns = 24

// section is a row of the board: a title and what stands under it.
type section struct {
	title  string
	panels []Panel // GridPos.W and GridPos.H are set; lay sets the rest
}

// lay numbers the panels and puts them on the grid: sections one under the other, panels from left to right, a new
// line where the width ends. All panels of a line should be of one height.
func lay(sections []section) []Panel {
	var panels []Panel
	id, y := 0, 0
	for _, s := range sections {
		id++
		open := false
		panels = append(panels, Panel{ID: id, Type: "row", Title: s.title, Collapsed: &open, GridPos: GridPos{H: 1, W: gridColumns, Y: y}})
		y++
		x, height := 0, 0
		for _, p := range s.panels {
			if x+p.GridPos.W > gridColumns {
				x, y, height = 0, y+height, 0
			}
			id++
			p.ID, p.GridPos.X, p.GridPos.Y = id, x, y
			x, height = x+p.GridPos.W, max(height, p.GridPos.H)
			panels = append(panels, p)
		}
		y += height
	}
	return panels
}
