package config

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/alecthomas/units"
	"github.com/prometheus/common/model"
)

// Rehearsals says where and when restores are rehearsed.
type Rehearsals struct {
	Dir       string           `yaml:"dir"`       // where a scratch server and what it restores are put; PostgreSQL's user must get there
	BinDir    string           `yaml:"bin_dir"`   // of PostgreSQL's programs; the newest that are installed
	User      string           `yaml:"user"`      // as whom they run where the daemon is root; postgres
	Limit     units.Base2Bytes `yaml:"limit"`     // of disk that a rehearsal may take; what is free
	Reserve   units.Base2Bytes `yaml:"reserve"`   // of disk that it must leave free; 1GiB
	Tolerance float64          `yaml:"tolerance"` // by which part restored tables may differ in rows from live ones; 0.2
	Every     model.Duration   `yaml:"every"`     // how often the daemon itself rehearses the tenant that waited longest; never
	Between   string           `yaml:"between"`   // hours in which it may begin, such as 01:00-05:00 in the report's zone; always
}

// RehearsalsConfig is Rehearsals, checked.
type RehearsalsConfig struct {
	Rehearsals
	Schedule Schedule
}

// Schedule is when the daemon rehearses by itself.
type Schedule struct {
	Every    time.Duration // 0 for never
	from, to time.Duration // after midnight; equal for always
	zone     *time.Location
}

// Open says whether a rehearsal may begin at a time.
func (s Schedule) Open(at time.Time) bool {
	local := at.In(s.zone)
	clock := time.Duration(local.Hour())*time.Hour + time.Duration(local.Minute())*time.Minute
	if s.from < s.to {
		return s.from <= clock && clock < s.to
	}
	return s.from == s.to || clock >= s.from || clock < s.to // over midnight
}

func (v *validator) rehearsals() {
	r := v.file.Rehearsals
	v.fromHere(&r.Dir)
	if r.Tolerance < 0 || r.Tolerance > 1 {
		v.fail("rehearsals.tolerance", "is %v; write a part of the rows, such as 0.2", r.Tolerance)
	}
	if r.Every != 0 && time.Duration(r.Every) < time.Hour {
		v.fail("rehearsals.every", "%s is too often; a restore costs: at least 1h", r.Every)
	}
	s := Schedule{Every: time.Duration(r.Every), zone: v.config.Zone}
	if r.Between != "" {
		from, to, _ := strings.Cut(r.Between, "-")
		var ok, also bool
		s.from, ok = timeOfDay(from)
		s.to, also = timeOfDay(to)
		if !ok || !also {
			v.fail("rehearsals.between", "%q is no time of day; write such as 01:00-05:00", r.Between)
		}
	}
	v.config.Rehearsals = RehearsalsConfig{r, s}
}

func timeOfDay(text string) (time.Duration, bool) {
	at, err := time.Parse("15:04", strings.TrimSpace(text))
	return time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute, err == nil
}

// defaultRehearsals is where there is room and everybody may pass.
func defaultRehearsals() Rehearsals {
	return Rehearsals{Dir: filepath.Join(os.TempDir(), "wardround-rehearsals"), User: "postgres", Reserve: units.GiB, Tolerance: 0.2}
}
