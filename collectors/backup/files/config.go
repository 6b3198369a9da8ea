package files

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/minio/minio-go/v7/pkg/s3utils"
	"github.com/prometheus/common/config"

	"github.com/wardround/wardround/collectors"
)

// BucketConfig is a bucket of Amazon S3 or of a server that speaks its language, such as MinIO.
// Without an access key requests are not signed. The key needs the right to list the bucket and to
// read its objects; those to read its versioning, encryption and object lock settings and an
// object's retention are asked for, and done without.
type BucketConfig struct {
	Endpoint      string            `yaml:"endpoint"` // https://host:port; http for a server that has no TLS
	Bucket        string            `yaml:"bucket"`
	Region        string            `yaml:"region"`
	AccessKey     string            `yaml:"access_key"`
	AccessKeyFile string            `yaml:"access_key_file"`
	SecretKey     config.Secret     `yaml:"secret_key"`
	SecretKeyFile string            `yaml:"secret_key_file"` // both files are read at each use, so that keys can be changed
	VirtualHosts  bool              `yaml:"virtual_hosts"`   // the bucket's name is part of the host name, not of the path
	TLS           *config.TLSConfig `yaml:"tls"`
}

// Format prints where the bucket is, whatever the verb asks for: never its keys.
func (c BucketConfig) Format(w fmt.State, _ rune) {
	_, _ = fmt.Fprintf(w, "bucket %s at %s", c.Bucket, c.Endpoint)
}

// Validate says everything that is wrong, each with the path of the setting.
func (c BucketConfig) Validate() error {
	var errs []error
	invalid := func(path, format string, args ...any) {
		errs = append(errs, collectors.Invalid(path, format, args...))
	}
	if u, err := url.Parse(c.Endpoint); err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" {
		invalid("endpoint", "is not the address of an S3 server; write https://host:port")
	}
	if s3utils.CheckValidBucketName(c.Bucket) != nil {
		invalid("bucket", "%q is no bucket's name", c.Bucket)
	}
	if c.AccessKey != "" && c.AccessKeyFile != "" {
		invalid("access_key_file", "is set beside access_key; keep one of them")
	}
	if c.SecretKey != "" && c.SecretKeyFile != "" {
		invalid("secret_key_file", "is set beside secret_key; keep one of them")
	}
	if (c.AccessKey != "" || c.AccessKeyFile != "") != (c.SecretKey != "" || c.SecretKeyFile != "") {
		invalid("access_key", "and secret_key belong together; write both, or neither for a public bucket")
	}
	if c.TLS != nil {
		if err := c.TLS.Validate(); err != nil {
			invalid("tls", "%v", err)
		}
	}
	return errors.Join(errs...)
}

// keys returns the keys as they are now.
func (c BucketConfig) keys() (access, secret string, err error) {
	access, err = current(c.AccessKey, c.AccessKeyFile)
	if err != nil {
		return "", "", err
	}
	secret, err = current(string(c.SecretKey), c.SecretKeyFile)
	return access, secret, err
}

func current(value, file string) (string, error) {
	if file == "" {
		return value, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read key file: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}
