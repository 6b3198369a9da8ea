package slo

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

//go:embed catalogue/*.yaml policies/*.yaml
var embedded embed.FS

// Catalogue is the promises that Wardround makes by itself wherever their
// metrics exist, sorted by name. Adding one is adding a file.
func Catalogue() ([]Objective, error) {
	policies, err := DefaultPolicies()
	if err != nil {
		return nil, err
	}
	var all []Objective
	err = eachFile("catalogue", func(file string, data []byte) error {
		objectives, err := policies.parse(file, data, nothing)
		all = append(all, objectives...)
		return err
	})
	slices.SortFunc(all, func(a, b Objective) int { return strings.Compare(a.Name, b.Name) })
	return all, err
}

// nothing is what the catalogue itself may extend.
func nothing() ([]Objective, error) {
	return nil, errors.New("it extends nothing itself")
}

// DefaultPolicies are the embedded alert policies.
func DefaultPolicies() (Policies, error) {
	all := Policies{}
	err := eachFile("policies", func(file string, data []byte) error {
		policies, err := ParsePolicies(file, data)
		for _, p := range policies {
			all[p.Name] = p
		}
		return err
	})
	return all, err
}

func eachFile(folder string, read func(file string, data []byte) error) error {
	files, err := fs.Glob(embedded, folder+"/*.yaml")
	if err != nil {
		return fmt.Errorf("list %s: %w", folder, err)
	}
	for _, file := range files {
		data, err := embedded.ReadFile(file)
		if err != nil {
			return fmt.Errorf("read %s: %w", file, err)
		}
		if err := read(file, data); err != nil {
			return err
		}
	}
	return nil
}
