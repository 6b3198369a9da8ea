package openslo

import (
	"crypto/sha256"
	"fmt"
	"strings"
)

// kebab makes a name of ours out of one of theirs: My_SLO.v1 becomes my-slo-v1.
// It is "" where nothing is left.
func kebab(text string) string {
	var out strings.Builder
	gap := false
	for _, c := range strings.ToLower(text) {
		letter, digit := c >= 'a' && c <= 'z', c >= '0' && c <= '9'
		if !letter && !digit {
			gap = true
			continue
		}
		switch {
		case out.Len() == 0 && digit:
			out.WriteString("slo-")
		case out.Len() > 0 && gap:
			out.WriteByte('-')
		}
		out.WriteRune(c)
		gap = false
	}
	return out.String()
}

// maxName is how long an object's name may be.
const maxName = 63

// dnsName is the name itself where OpenSLO allows it, or a shorter one that
// still tells it apart.
func dnsName(name string) string {
	if len(name) <= maxName {
		return name
	}
	sum := fmt.Sprintf("-%x", sha256.Sum256([]byte(name)))[:11]
	return strings.TrimRight(name[:maxName-len(sum)], "-") + sum
}

// ours is a name in our form, with a warning where it had to be changed.
func (v value) ours(text string) string {
	name := kebab(text)
	switch {
	case text == "":
	case name == "":
		v.failf("%q has no letter or digit to make a name of; write small letters, digits and hyphens", text)
	case name != text:
		v.warnf("%q is read as %s: names here are small letters, digits and hyphens", text, name)
	}
	return name
}
