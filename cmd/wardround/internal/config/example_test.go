package config

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const example = "../../../../deploy/config/wardround.yaml"

// TestExampleSaysEverything looks for every setting in the example, which says that it has all.
func TestExampleSaysEverything(t *testing.T) {
	text, err := os.ReadFile(example)
	require.NoError(t, err)
	var missing []string
	for _, key := range settings(reflect.TypeFor[File](), map[reflect.Type]bool{}) {
		if !regexp.MustCompile(`(?m)(^|[ {])` + key + `:`).Match(text) {
			missing = append(missing, key)
		}
	}
	require.Empty(t, missing, "settings that deploy/config/wardround.yaml does not show")
}

// settings are the keys of a type and of those of ours below it. A secret is shown by its file.
func settings(of reflect.Type, seen map[reflect.Type]bool) []string {
	for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice || of.Kind() == reflect.Map {
		of = of.Elem()
	}
	if of.Kind() != reflect.Struct || seen[of] || !strings.HasPrefix(of.PkgPath(), "github.com/wardround/") {
		return nil
	}
	seen[of] = true
	var keys []string
	for i := range of.NumField() {
		key, _, _ := strings.Cut(of.Field(i).Tag.Get("yaml"), ",")
		if key == "" || key == "-" {
			continue
		}
		if !hasFile(of, key) {
			keys = append(keys, key)
		}
		keys = append(keys, settings(of.Field(i).Type, seen)...)
	}
	return keys
}

func hasFile(of reflect.Type, key string) bool {
	for i := range of.NumField() {
		if name, _, _ := strings.Cut(of.Field(i).Tag.Get("yaml"), ","); name == key+"_file" {
			return true
		}
	}
	return false
}

// commented is a line of the example that is a setting as soon as its mark is taken away.
var commented = regexp.MustCompile(`(?m)^( *)# ?( *(?:- )?(?:[a-z_]+:(?: |$)|\{).*)$`)

// TestExampleIsTaken reads the example with everything in use that is commented out. What is missing
// then are files of other machines.
func TestExampleIsTaken(t *testing.T) {
	text, err := os.ReadFile(example)
	require.NoError(t, err)
	all := commented.ReplaceAllString(string(text), "$1$2")
	all = commented.ReplaceAllString(all, "$1$2") // comments within what is commented out
	_, err = Parse(example, []byte(all))
	var problems Problems
	require.ErrorAs(t, err, &problems)
	for _, p := range problems {
		require.Regexp(t, `no such file|no file fits|there is no primary PostgreSQL target "second"`, p.Error())
	}
}
