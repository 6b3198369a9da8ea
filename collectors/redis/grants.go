package redis

import "strings"

// rights are what a visit asks for, and what is missing without it.
var rights = []struct{ right, gives string }{
	{"+info", "everything"},
	{"+client|setname", "our name in CLIENT LIST"},
	{"+config|get", "settings, the rule for snapshots"},
	{"+slowlog|len", "how many slow commands there were"},
	{"+latency|latest", "spikes of latency"},
}

// keyRights are needed beside them where lengths of keys are asked for.
const keyRights = "+select +type +llen +scard +zcard +xlen +hlen +strlen"

// Grants is the command that gives a user the rights that the configuration needs, and no others.
// The password is for the operator to fill in.
func Grants(c Config) string {
	user := c.Username
	if user == "" {
		user = "wardround"
	}
	words := []string{"ACL SETUSER", user, "on", ">PASSWORD", "-@all"}
	for _, r := range rights {
		words = append(words, r.right)
	}
	if c.Cluster {
		words = append(words, "+cluster|nodes", "+cluster|info")
	}
	if c.DB != 0 && len(c.Keys) == 0 {
		words = append(words, "+select")
	}
	if len(c.Keys) > 0 {
		words = append(words, keyRights)
	}
	for _, key := range c.Keys {
		words = append(words, pattern(key.Name))
	}
	return strings.Join(words, " ")
}

// pattern is a key's name as ACLs write it, its special characters escaped.
func pattern(name string) string {
	return "~" + strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(name)
}
