package config

import (
	"reflect"
	"time"

	"github.com/prometheus/common/model"

	"github.com/wardround/wardround/collectors/changes"
	"github.com/wardround/wardround/collectors/sql"
	"github.com/wardround/wardround/slo"
	"github.com/wardround/wardround/slo/promsource"
)

// DefaultFile is what a setting is when it is left out.
func DefaultFile() File {
	return File{
		Rounds: Rounds{
			Interval: model.Duration(time.Minute), Timeout: model.Duration(10 * time.Second),
			StaleAfter: 3, Sweep: model.Duration(time.Hour),
		},
		Alertmanager: Alertmanager{Timeout: model.Duration(10 * time.Second), ResendDelay: model.Duration(time.Minute)},
		Ledger:       Ledger{Retention: model.Duration(400 * slo.Day), Grace: model.Duration(slo.Day)},
		Rehearsals:   defaultRehearsals(),
		Report:       Report{Platform: "Odoo platform", Zone: "UTC"},
	}
}

// fillDefaults gives every setting that was left out its default; a zero counts as left out.
func (f *File) fillDefaults() {
	d := DefaultFile()
	fill(&f.Rounds, d.Rounds)
	fill(&f.Alertmanager, d.Alertmanager)
	fill(&f.Ledger, d.Ledger)
	fill(&f.Changes, changes.DefaultConfig())
	fill(&f.Rehearsals, d.Rehearsals)
	fill(&f.Report, d.Report)
	fillEach(f.Sources, promsource.DefaultConfig())
	fillEach(f.SQL, sql.DefaultConfig())
	f.Targets.fillDefaults()
	for i := range f.Tenants.List {
		if t := &f.Tenants.List[i]; t.Database == "" {
			t.Database = t.Name
		}
	}
}

// fillEach fills every struct of a list.
func fillEach[T any](all []T, defaults T) {
	for i := range all {
		fill(&all[i], defaults)
	}
}

// fill copies each field of defaults into the struct where it is still zero, also in structs
// inside it. One that decodes itself has its own defaults from there.
func fill[T any](into *T, defaults T) {
	fillValue(reflect.ValueOf(into).Elem(), reflect.ValueOf(defaults))
}

func fillValue(into, defaults reflect.Value) {
	for i := range into.NumField() {
		field, value := into.Field(i), defaults.Field(i)
		switch {
		case !field.CanSet():
		case field.IsZero():
			field.Set(value)
		case field.Kind() == reflect.Struct && !isScalar(field.Type()):
			fillValue(field, value)
		}
	}
}
