package odoo

import (
	"fmt"
	"time"
)

// cronNamesGroup reads what scheduled tasks are called: by the identifier that their module gave
// them, which is the same for all tenants and languages. New ones are asked for at once.
var cronNamesGroup = &group{
	name: "cron_names", every: time.Hour, cost: 5, due: func(r *reading) bool { return r.memory.unnamed },
	needs: []string{"ir_model_data.module", "ir_model_data.name", "ir_model_data.model", "ir_model_data.res_id"},
	statements: func(*reading) []string {
		return []string{fill(`SELECT res_id, module, name FROM public.ir_model_data WHERE model = 'ir.cron' ORDER BY res_id LIMIT {most}`,
			"{most}", fmt.Sprint(mostCrons))}
	},
	read: func(r *reading, answers [][][][]byte) error {
		m := r.memory
		if !r.fresh {
			return nil
		}
		m.unnamed, m.cronNames = false, map[int64]string{}
		return each(answers[0], func(row *row) {
			id, name := row.int(0), row.text(1)+"."+row.text(2)
			if first, named := m.cronNames[id]; !named || name < first {
				m.cronNames[id] = name
			}
		})
	},
}

// cronName is what a scheduled task is called in labels and texts.
func (r *reading) cronName(id int64) string { return cronName(r.memory.cronNames[id], id) }
