package backup

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// somebody is a text that no field of an answer should hold, and any might.
const somebody = "CANARY Anna Miller 1961-02-03\nA00.1"

// planted are copies of a JSON text of which each has somebody in another place: instead of a value,
// instead of a name, and at last instead of all texts at once.
func planted(t *testing.T, text string) []string {
	t.Helper()
	var all []string
	add := func(change func(path string) (name, value bool)) {
		var said any
		require.NoError(t, json.Unmarshal([]byte(text), &said))
		changed, err := json.Marshal(plant(said, "", change))
		require.NoError(t, err)
		all = append(all, string(changed))
	}
	var said any
	require.NoError(t, json.Unmarshal([]byte(text), &said))
	for _, at := range places(said, "") {
		add(func(path string) (bool, bool) { return path == at, false })
		add(func(path string) (bool, bool) { return false, path == at })
	}
	add(func(string) (bool, bool) { return false, true })
	return all
}

// places are the paths of all values that are neither lists nor objects.
func places(said any, path string) (all []string) {
	switch said := said.(type) {
	case map[string]any:
		for name, value := range said {
			all = append(all, places(value, path+"/"+name)...)
		}
		return all
	case []any:
		for i, value := range said {
			all = append(all, places(value, fmt.Sprint(path, "/", i))...)
		}
		return all
	}
	return []string{path}
}

func plant(said any, path string, change func(string) (name, value bool)) any {
	switch said := said.(type) {
	case map[string]any:
		changed := map[string]any{}
		for name, value := range said {
			below := path + "/" + name
			value = plant(value, below, change)
			if other, _ := change(below); other {
				name = somebody
			}
			changed[name] = value
		}
		return changed
	case []any:
		for i, value := range said {
			said[i] = plant(value, fmt.Sprint(path, "/", i), change)
		}
		return said
	}
	if _, other := change(path); other {
		return somebody
	}
	return said
}

// quiet visits a place and finds nothing of somebody in what it says.
func quiet(t *testing.T, p *Place, now time.Time, of string) {
	t.Helper()
	batch, err := visit(t, p, p.Visit().Key, now)
	said := page(batch)
	if err != nil {
		said += err.Error()
	}
	for _, word := range []string{"CANARY", "Miller", "1961", "A00.1"} {
		require.NotContains(t, said, word, of)
	}
}

// TestNothingOfTheToolsTexts plants somebody in each field of what Barman and pgBackRest say.
func TestNothingOfTheToolsTexts(t *testing.T) {
	answers := map[string]string{}
	dir := t.TempDir()
	say := func(what, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, what), []byte(text), 0o600))
	}
	for what, file := range map[string]string{
		"list-backup": "barman/list-backup.json", "show-backup": "barman/show-backup.json", "check": "barman/check.json",
		"info": "pgbackrest/two-repos.json", "set": "pgbackrest/set-detail.json",
	} {
		answers[what] = recording(t, file)
		say(what, answers[what])
	}
	places := map[string]func() *Place{
		"list-backup": func() *Place {
			return place(t, Config{Barman: &Barman{Postgres: "pg1", Server: "pg", Command: program(t, `cat "`+dir+`/$3"`)}}, options(t, north))
		},
		"info": func() *Place {
			return place(t, Config{PgBackRest: &PgBackRest{Postgres: "pg1", Stanza: "odoo", Compat: true, Command: program(t, `
case "$*" in
*--set=*) cat "`+dir+`/set" ;;
*info*) cat "`+dir+`/info" ;;
*) exit 1 ;;
esac`)}}, options(t, north))
		},
	}
	places["show-backup"], places["check"], places["set"] = places["list-backup"], places["list-backup"], places["info"]
	for what, text := range answers {
		p := places[what]()
		visited(t, p, recordedNow)
		for _, one := range planted(t, text) {
			say(what, one)
			quiet(t, p, recordedNow, one)
		}
		say(what, text)
	}
}

// TestNothingOfAFilestoresNames plants somebody in the names of what lies in copies of filestores.
func TestNothingOfAFilestoresNames(t *testing.T) {
	dir := folder(t.TempDir())
	file := "CANARY Anna Miller 1961-02-03 A00.1"
	for _, name := range []string{
		"clinic_north/ab/" + file, "clinic_north/" + file + "/ab/x", "clinic_north/" + file + ".pdf", "clinic_south/" + file, file + "/ab/x", file + ".zip",
		"clinic_north/.complete", "clinic_north/.complete" + file,
	} {
		dir.put(t, name, []byte(file), now().Add(-time.Hour))
	}
	for _, c := range []FilestoreConfig{
		{In: dir.location(), Path: "{database}"},
		{In: dir.location(), Path: "{database}", Marker: ".complete"},
		{In: dir.location(), Path: "{database}", Marker: file},
		{In: dir.location(), Path: file + "/{database}"},
		{In: dir.location(), Path: file + ".zip/{database}"},
		{In: dir.location(), Path: "{database}/" + file + ".pdf"},
	} {
		quiet(t, place(t, Config{Filestore: &c}, options(t, north, south)), now(), c.Path+c.Marker)
	}
}
