package openslo

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/wardround/wardround/slo"
)

// File is one file of OpenSLO documents: YAML, of which a document may also be
// a list, or JSON.
type File struct {
	// Name is what errors call the file; .json makes it JSON.
	Name string
	Data []byte
}

// Result is what documents promise.
type Result struct {
	// Objectives are in the order of their documents. Composites are not linked
	// yet: slo.Link does that where all objectives are known.
	Objectives []slo.Objective
	// Policies are those that objectives name beside the embedded ones, sorted
	// by name.
	Policies []slo.Policy
	// Warnings are in the order of the files, lines and columns.
	Warnings []Warning
}

// Warning says how something was read that could be read otherwise.
type Warning struct {
	Position slo.Position
	// Path is the place within the document: spec.objectives[0].op.
	Path string
	// Text says what is odd, how it was read and what to write instead.
	Text string
}

// String is "file:line:column: path: text".
func (w Warning) String() string {
	if w.Path == "" {
		return w.Position.String() + ": " + w.Text
	}
	return w.Position.String() + ": " + w.Path + ": " + w.Text
}

// fault is a Warning that nothing good can be made of.
type fault Warning

func (f fault) Error() string { return Warning(f).String() }

// Read reads all files as one set of documents, which may refer to each other.
// An error joins every fault, in the form of Warning.String; Warnings are there
// in that case too.
func Read(files []File) (Result, error) {
	embedded, err := slo.DefaultPolicies()
	if err != nil {
		return Result{}, err
	}
	r := &reader{library: newLibrary(), embedded: embedded, policies: slo.Policies{}}
	for i, f := range files {
		r.file(i, f)
	}
	var result Result
	for _, d := range r.documents {
		if d.kind == "SLO" {
			result.Objectives = append(result.Objectives, r.promises(d)...)
		}
	}
	r.unique(result.Objectives)
	for _, name := range sortedKeys(r.policies) {
		result.Policies = append(result.Policies, r.policies[name])
	}
	if len(r.faults) == 0 {
		r.check(result.Objectives, result.Policies)
	}
	result.Warnings = inOrder(r.warnings)
	if len(r.faults) > 0 {
		return Result{Warnings: result.Warnings}, joined(inOrder(r.faults))
	}
	return result, nil
}

// reader is one Read.
type reader struct {
	library
	embedded slo.Policies
	policies slo.Policies // further ones, as they are met
	faults   []found
	warnings []found
}

// found is a finding and the number of its file, for sorting.
type found struct {
	Warning
	file int
}

func inOrder(all []found) []Warning {
	slices.SortStableFunc(all, func(a, b found) int {
		return cmp.Or(cmp.Compare(a.file, b.file),
			cmp.Compare(a.Position.Line, b.Position.Line), cmp.Compare(a.Position.Column, b.Position.Column))
	})
	var sorted []Warning
	seen := map[Warning]bool{} // a shared object is looked at once per promise
	for _, f := range all {
		if !seen[f.Warning] {
			sorted = append(sorted, f.Warning)
		}
		seen[f.Warning] = true
	}
	return sorted
}

func joined(faults []Warning) error {
	errs := make([]error, len(faults))
	for i, f := range faults {
		errs[i] = fault(f)
	}
	return errors.Join(errs...)
}

// unique refuses two promises of one name.
func (r *reader) unique(all []slo.Objective) {
	seen := map[string]slo.Position{}
	for _, o := range all {
		if other, twice := seen[o.Name]; twice {
			r.fault(o.Position, "metadata.name", fmt.Sprintf("objective %q stands twice; the other is at %s; rename one", o.Name, other))
		}
		seen[o.Name] = o.Position
	}
}

// check holds every promise to what slo asks of files, so that what was read
// here can be written down and read there.
func (r *reader) check(all []slo.Objective, own []slo.Policy) {
	policies, err := r.embedded.With(own)
	if err != nil {
		r.fault(slo.Position{}, "", err.Error())
		return
	}
	for i, p := range own {
		var text bytes.Buffer
		err := WriteNativePolicies(&text, own[i:i+1])
		if err == nil {
			_, err = slo.ParsePolicies(p.Name, text.Bytes())
		}
		if err != nil {
			r.fault(p.Position, "", "this is no alert policy for Wardround: "+err.Error())
		}
	}
	for i, o := range all {
		if !alike(policies[o.Policy.Name], o.Policy) {
			r.fault(o.Position, "spec.alertPolicies", fmt.Sprintf("the policy %q means another one elsewhere in these documents; rename one", o.Policy.Name))
			continue
		}
		var text bytes.Buffer
		err := WriteNative(&text, all[i:i+1])
		if err == nil {
			_, err = policies.ParseObjectives(o.Name, text.Bytes())
		}
		if err != nil {
			r.fault(o.Position, "", "this is no objective for Wardround: "+err.Error())
		}
	}
}

func (r *reader) fault(at slo.Position, path, text string) {
	r.faults = append(r.faults, found{Warning{at, path, text}, r.number(at.File)})
}

func (r *reader) warn(at slo.Position, path, text string) {
	r.warnings = append(r.warnings, found{Warning{at, path, text}, r.number(at.File)})
}
