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

// Config describes one Redis server.
type Config struct {
	Name         string            `yaml:"name"`          // the target label of its series
	Address      string            `yaml:"address"`       // host:port, or the path of a Unix socket
	Username     string            `yaml:"username"`      // ACL user; empty means the default user
	Password     config.Secret     `yaml:"password"`      //
	PasswordFile string            `yaml:"password_file"` // read at each connect, so that the password can be changed
	TLS          *config.TLSConfig `yaml:"tls"`           // nil means a plain connection
	DB           int               `yaml:"db"`            // database to select, where the ACL user may use only one
	Compat       bool              `yaml:"compat"`        // also emit redis_exporter's names where ours differ
}

// DefaultConfig is a server on this machine without password.
func DefaultConfig() Config { return Config{Address: "127.0.0.1:6379"} }

// Format prints where the server is, whatever the verb asks for: never the password.
func (c Config) Format(w fmt.State, _ rune) {
	_, _ = fmt.Fprintf(w, "redis %s at %s", c.Name, c.Address)
}

// Validate says everything that is wrong, each with the path of the setting.
func (c Config) Validate() error {
	var errs []error
	if c.Name == "" {
		errs = append(errs, collectors.Invalid("name", "is missing; it becomes the target label"))
	}
	if err := validateAddress(c.Address); err != nil {
		errs = append(errs, err)
	}
	if c.Password != "" && c.PasswordFile != "" {
		errs = append(errs, collectors.Invalid("password_file", "is set beside password; keep one of them"))
	}
	if c.Username != "" && c.Password == "" && c.PasswordFile == "" {
		errs = append(errs, collectors.Invalid("username", "needs a password or a password_file"))
	}
	if c.DB < 0 {
		errs = append(errs, collectors.Invalid("db", "is %d; databases are counted from 0", c.DB))
	}
	if c.TLS != nil {
		if err := c.TLS.Validate(); err != nil {
			errs = append(errs, collectors.Invalid("tls", "%v", err))
		}
	}
	return errors.Join(errs...)
}

func validateAddress(address string) error {
	if address == "" {
		return collectors.Invalid("address", "is missing; write host:port or the path of a Unix socket")
	}
	if strings.HasPrefix(address, "/") {
		return nil
	}
	if host, port, err := net.SplitHostPort(address); err != nil || host == "" || port == "" {
		return collectors.Invalid("address", "%q is neither host:port nor the path of a Unix socket", address)
	}
	return nil
}

// password returns the password as it is now.
func (c Config) password() (string, error) {
	if c.PasswordFile == "" {
		return string(c.Password), nil
	}
	text, err := os.ReadFile(c.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("read password file: %w", err)
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}
