package collectors

import (
	"cmp"
	"strings"
)

// Key names one thing that is visited: which collector goes to which target and, where the visit
// is to one tenant's part of it, to which tenant. It is stable over restarts.
type Key struct {
	Collector string
	Target    string
	Tenant    string
}

// String is the key as logs and URLs write it: collector/target or collector/target/tenant.
func (k Key) String() string {
	if k.Tenant == "" {
		return k.Collector + "/" + k.Target
	}
	return k.Collector + "/" + k.Target + "/" + k.Tenant
}

// ParseKey is the inverse of Key.String.
func ParseKey(s string) (Key, bool) {
	parts := strings.SplitN(s, "/", 3)
	if len(parts) < 2 || parts[0] == "" || parts[1] == "" {
		return Key{}, false
	}
	k := Key{Collector: parts[0], Target: parts[1]}
	if len(parts) == 3 {
		k.Tenant = parts[2]
	}
	return k, true
}

// Compare orders keys as /metrics does: by target, tenant, then collector.
func (k Key) Compare(o Key) int {
	return cmp.Or(
		strings.Compare(k.Target, o.Target),
		strings.Compare(k.Tenant, o.Tenant),
		strings.Compare(k.Collector, o.Collector),
	)
}
