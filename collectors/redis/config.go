package redis

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/prometheus/common/config"

	"github.com/wardround/wardround/collectors"
)

// Config describes one Redis: a server at an address, or all servers behind Sentinels or of a
// cluster, which are found through addresses.
type Config struct {
	Name         string            `yaml:"name"`          // the target label of its series
	Address      string            `yaml:"address"`       // of a single server: host:port, or the path of a Unix socket
	Addresses    []string          `yaml:"addresses"`     // of the Sentinels, or of some nodes of the cluster
	Sentinel     *Sentinel         `yaml:"sentinel"`      // nil means that addresses are no Sentinels
	Cluster      bool              `yaml:"cluster"`       // addresses are nodes of a cluster; all its nodes are asked
	Username     string            `yaml:"username"`      // ACL user; empty means the default user
	Password     config.Secret     `yaml:"password"`      //
	PasswordFile string            `yaml:"password_file"` // read at each connect, so that the password can be changed
	TLS          *config.TLSConfig `yaml:"tls"`           // nil means a plain connection; holds for Sentinels too
	DB           int               `yaml:"db"`            // database to select, where the ACL user may use only one
	Databases    map[int]string    `yaml:"databases"`     // by number, the tenant to whom a database belongs
	Keys         []Key             `yaml:"keys"`          // whose lengths are told, such as queues
	Save         string            `yaml:"save"`          // the server's rule for snapshots, where CONFIG may not be asked
	Compat       bool              `yaml:"compat"`        // also emit redis_exporter's names where ours differ
}

// Sentinel says what the Sentinels at Config.Addresses call the servers, and how to log in there.
type Sentinel struct {
	Master       string        `yaml:"master"`        // the name in `sentinel monitor`
	Username     string        `yaml:"username"`      //
	Password     config.Secret `yaml:"password"`      // of the Sentinels, often none
	PasswordFile string        `yaml:"password_file"` // read at each connect
}

// Key names a key whose length is told. Its name is a label: it must name a thing, not a person.
type Key struct {
	Name string `yaml:"name"`
	DB   int    `yaml:"db"`
}

const defaultAddress = "127.0.0.1:6379"

// DefaultConfig is a server on this machine without password.
func DefaultConfig() Config { return Config{Address: defaultAddress} }

// Format prints where the server is, whatever the verb asks for: never the password.
func (c Config) Format(w fmt.State, _ rune) {
	_, _ = fmt.Fprintf(w, "redis %s at %s", c.Name, strings.Join(c.addresses(), ", "))
}

// addresses are those that the operator wrote.
func (c Config) addresses() []string {
	if c.single() {
		return []string{c.Address}
	}
	return c.Addresses
}

func (c Config) single() bool { return c.Sentinel == nil && !c.Cluster }

// Validate says everything that is wrong, each with the path of the setting.
func (c Config) Validate() error {
	var errs []error
	if c.Name == "" {
		errs = append(errs, collectors.Invalid("name", "is missing; it becomes the target label"))
	}
	errs = append(errs, c.validatePlace()...)
	errs = append(errs, validateLogin("", c.Username, c.Password, c.PasswordFile)...)
	errs = append(errs, c.validateKeys()...)
	if c.TLS != nil {
		if err := c.TLS.Validate(); err != nil {
			errs = append(errs, collectors.Invalid("tls", "%v", err))
		}
	}
	if _, err := parseRule(c.Save); err != nil {
		errs = append(errs, collectors.Invalid("save", "%v", err))
	}
	return errors.Join(errs...)
}

func (c Config) validatePlace() []error {
	if c.single() {
		if len(c.Addresses) > 0 {
			return []error{collectors.Invalid("addresses", "are those of Sentinels or of a cluster; set sentinel or cluster, or write address")}
		}
		return []error{validateAddress("address", c.Address)}
	}
	var errs []error
	if c.Sentinel != nil && c.Cluster {
		errs = append(errs, collectors.Invalid("cluster", "is set beside sentinel; a cluster has no Sentinels"))
	}
	if c.Address != "" && c.Address != defaultAddress {
		errs = append(errs, collectors.Invalid("address", "is set beside sentinel or cluster; list it under addresses"))
	}
	if len(c.Addresses) == 0 {
		errs = append(errs, collectors.Invalid("addresses", "are missing; list the Sentinels, or some nodes of the cluster"))
	}
	for i, address := range c.Addresses {
		errs = append(errs, validateAddress(fmt.Sprintf("addresses[%d]", i), address))
	}
	if s := c.Sentinel; s != nil {
		if s.Master == "" {
			errs = append(errs, collectors.Invalid("sentinel.master", "is missing; write the name that `sentinel monitor` gives"))
		}
		errs = append(errs, validateLogin("sentinel.", s.Username, s.Password, s.PasswordFile)...)
	}
	return errs
}

func validateAddress(path, address string) error {
	if address == "" {
		return collectors.Invalid(path, "is missing; write host:port or the path of a Unix socket")
	}
	if strings.HasPrefix(address, "/") {
		return nil
	}
	if host, port, err := net.SplitHostPort(address); err != nil || host == "" || port == "" {
		return collectors.Invalid(path, "%q is neither host:port nor the path of a Unix socket", address)
	}
	return nil
}

func validateLogin(path, username string, password config.Secret, file string) []error {
	var errs []error
	if password != "" && file != "" {
		errs = append(errs, collectors.Invalid(path+"password_file", "is set beside password; keep one of them"))
	}
	if username != "" && password == "" && file == "" {
		errs = append(errs, collectors.Invalid(path+"username", "needs a password or a password_file"))
	}
	return errs
}

// maxKeys bounds what one round asks for, and the series that come of it.
const maxKeys = 200

func (c Config) validateKeys() []error {
	var errs []error
	if c.DB < 0 {
		errs = append(errs, collectors.Invalid("db", "is %d; databases are counted from 0", c.DB))
	}
	for db, tenant := range c.Databases {
		if db < 0 || tenant == "" {
			errs = append(errs, collectors.Invalid("databases", "%d: %q is not the number of a database and the name of a tenant", db, tenant))
		}
	}
	if len(c.Keys) > maxKeys {
		errs = append(errs, collectors.Invalid("keys", "are %d; at most %d can be told", len(c.Keys), maxKeys))
	}
	seen := map[Key]bool{}
	for i, key := range c.Keys {
		path := fmt.Sprintf("keys[%d]", i)
		switch {
		case key.Name == "" || len(key.Name) > longestName:
			errs = append(errs, collectors.Invalid(path+".name", "must have 1 to %d bytes", longestName))
		case key.DB < 0:
			errs = append(errs, collectors.Invalid(path+".db", "is %d; databases are counted from 0", key.DB))
		case seen[key]:
			errs = append(errs, collectors.Invalid(path, "names a key that is listed already"))
		}
		seen[key] = true
		if c.Cluster && key.DB != 0 {
			errs = append(errs, collectors.Invalid(path+".db", "is %d; a cluster has database 0 only", key.DB))
		}
	}
	return errs
}

// login is who to be, as it is now: files are read anew.
type login struct {
	username string
	password config.Secret
	file     string
}

func (c Config) login() login { return login{c.Username, c.Password, c.PasswordFile} }

func (s Sentinel) login() login { return login{s.Username, s.Password, s.PasswordFile} }

func (l login) read() (username, password string, err error) {
	if l.file == "" {
		return l.username, string(l.password), nil
	}
	text, err := os.ReadFile(l.file)
	if err != nil {
		return "", "", fmt.Errorf("read password file: %w", err)
	}
	return l.username, strings.TrimRight(string(text), "\r\n"), nil
}
