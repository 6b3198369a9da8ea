package files

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/prometheus/common/config"

	"github.com/wardround/wardround/collectors"
)

// Bucket is a bucket of an S3 server. It keeps idle connections until Close.
type Bucket struct {
	name      string
	client    *minio.Core
	transport *http.Transport
}

const (
	connections = 4 // at once, to one server
	page        = 1000
)

// NewBucket prepares access to a bucket and connects to nothing yet. The configuration must be
// valid; what cannot be read (key files, certificates) is an error here, not at night.
func NewBucket(c BucketConfig) (*Bucket, error) {
	access, _, err := c.keys()
	if err != nil {
		return nil, collectors.Invalid("access_key_file", "%v", err)
	}
	endpoint, err := url.Parse(c.Endpoint)
	if err != nil {
		return nil, collectors.Invalid("endpoint", "is not the address of an S3 server")
	}
	settings := &tls.Config{}
	if c.TLS != nil {
		if settings, err = config.NewTLSConfig(c.TLS); err != nil {
			return nil, collectors.Invalid("tls", "%v", err)
		}
	}
	b := &Bucket{name: c.Bucket, transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: settings, ForceAttemptHTTP2: true,
		MaxConnsPerHost: connections, MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute,
		ResponseHeaderTimeout: 30 * time.Second, TLSHandshakeTimeout: 10 * time.Second,
		DisableCompression: true,
	}}
	options := &minio.Options{
		Secure: endpoint.Scheme == "https", Region: c.Region, Transport: b.transport, BucketLookup: minio.BucketLookupPath,
		MaxRetries: 1, // a failed visit is made again by the rounds, not here
	}
	if c.VirtualHosts {
		options.BucketLookup = minio.BucketLookupDNS
	}
	if access != "" {
		options.Creds = credentials.New(keyFiles{c})
	}
	if b.client, err = minio.NewCore(endpoint.Host, options); err != nil {
		return nil, collectors.Invalid("endpoint", "%v", err)
	}
	b.client.SetAppInfo("wardround", "1")
	return b, nil
}

// keyFiles gives the S3 client the keys as they are at each use.
type keyFiles struct{ config BucketConfig }

// RetrieveWithCredContext returns the keys as they are now.
func (k keyFiles) RetrieveWithCredContext(*credentials.CredContext) (credentials.Value, error) {
	return k.Retrieve()
}

// Retrieve returns the keys as they are now.
func (k keyFiles) Retrieve() (credentials.Value, error) {
	access, secret, err := k.config.keys()
	return credentials.Value{AccessKeyID: access, SecretAccessKey: secret, SignerType: credentials.SignatureV4}, err
}

// IsExpired is always true: files may have changed.
func (k keyFiles) IsExpired() bool { return true }

// List asks for the bucket's objects, a thousand at a time.
func (b *Bucket) List(ctx context.Context, q Query, yield func(File) bool) (more bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	left := q.Most
	for o := range b.client.ListObjectsIter(ctx, b.name, minio.ListObjectsOptions{
		Prefix: q.Prefix, StartAfter: q.After, Recursive: !q.Flat, MaxKeys: min(page, q.Most+1),
	}) {
		if o.Err != nil {
			return false, explain(ctx, "list bucket "+b.name, o.Err)
		}
		folder := len(o.Key) > 0 && o.Key[len(o.Key)-1] == '/'
		if folder && !q.Flat {
			continue // the marker of an empty folder
		}
		if left--; left < 0 {
			return true, nil
		}
		if !yield(File{Name: o.Key, Size: o.Size, Modified: o.LastModified, Folder: folder}) {
			return false, nil
		}
	}
	if err := context.Cause(ctx); err != nil {
		return false, fmt.Errorf("list bucket %s: %w", b.name, err)
	}
	return false, nil
}

// Open reads parts of an object, each by a request of its own.
func (b *Bucket) Open(ctx context.Context, f File) (ReaderAtCloser, error) {
	return object{ctx, b, f}, nil
}

type object struct {
	ctx    context.Context // of whoever opened it
	bucket *Bucket
	file   File
}

// ReadAt asks for one part of the object.
func (o object) ReadAt(p []byte, at int64) (int, error) {
	if at >= o.file.Size {
		return 0, io.EOF
	}
	var options minio.GetObjectOptions
	if err := options.SetRange(at, at+int64(len(p))-1); err != nil {
		return 0, fmt.Errorf("read part: %w", err)
	}
	body, _, _, err := o.bucket.client.GetObject(o.ctx, o.bucket.name, o.file.Name, options)
	if err != nil {
		return 0, explain(o.ctx, "read from bucket "+o.bucket.name, err)
	}
	defer body.Close()
	n, err := io.ReadFull(body, p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return n, io.EOF
	}
	if err != nil {
		return n, explain(o.ctx, "read from bucket "+o.bucket.name, err)
	}
	return n, nil
}

// Close has nothing to end: each part was a request of its own.
func (o object) Close() error { return nil }

// LockedUntil asks for an object's retention. Without one it is the zero time.
func (b *Bucket) LockedUntil(ctx context.Context, f File) (time.Time, error) {
	_, until, err := b.client.GetObjectRetention(ctx, b.name, f.Name, "")
	switch {
	case isCode(err, "NoSuchObjectLockConfiguration", "ObjectLockConfigurationNotFoundError", "InvalidRequest", "NotImplemented"):
		return time.Time{}, nil
	case err != nil:
		return time.Time{}, explain(ctx, "ask bucket "+b.name+" for a retention", err)
	case until == nil:
		return time.Time{}, nil
	}
	return *until, nil
}

// Guard asks for the bucket's versioning, object lock and encryption settings. What the server
// does not know it does not have.
func (b *Bucket) Guard(ctx context.Context) (Guard, error) {
	var g Guard
	versions, err := b.client.GetBucketVersioning(ctx, b.name)
	if err != nil && !isCode(err, "NotImplemented") {
		return g, explain(ctx, "ask bucket "+b.name+" for its versioning", err)
	}
	g.Versioned = err == nil && versions.Enabled()
	lock, _, _, _, err := b.client.GetObjectLockConfig(ctx, b.name)
	if err != nil && !isCode(err, "NotImplemented", "ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration") {
		return g, explain(ctx, "ask bucket "+b.name+" for its object lock", err)
	}
	g.Locked = err == nil && lock == "Enabled"
	rules, err := b.client.GetBucketEncryption(ctx, b.name)
	if err != nil && !isCode(err, "NotImplemented", "ServerSideEncryptionConfigurationNotFoundError") {
		return g, explain(ctx, "ask bucket "+b.name+" for its encryption", err)
	}
	g.Encrypted = err == nil && rules != nil && len(rules.Rules) > 0
	return g, nil
}

// Close ends the idle connections.
func (b *Bucket) Close() { b.transport.CloseIdleConnections() }

func isCode(err error, codes ...string) bool {
	var answer minio.ErrorResponse
	if !errors.As(err, &answer) {
		return false
	}
	for _, code := range codes {
		if answer.Code == code {
			return true
		}
	}
	return false
}

var codeText = regexp.MustCompile(`^[A-Za-z0-9]{1,60}$`)

// explain gives a failure its reason. Of a server's answer it keeps the code alone: the message
// may hold names of objects and of people.
func explain(ctx context.Context, what string, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("%s: %w", what, cause)
	}
	var answer minio.ErrorResponse
	if errors.As(err, &answer) {
		code := answer.Code
		if !codeText.MatchString(code) {
			code = "unknown"
		}
		return collectors.Because(reason(answer), fmt.Errorf("%s: the server answered %s (%d)", what, code, answer.StatusCode))
	}
	if errors.Is(err, os.ErrDeadlineExceeded) || os.IsTimeout(err) {
		return collectors.Because(collectors.ReasonTimeout, fmt.Errorf("%s: no answer in time", what))
	}
	var failed *url.Error
	if errors.As(err, &failed) { // its text names the object
		err = failed.Err
	}
	known := collectors.ReasonOf(err)
	if known == collectors.ReasonOther {
		known = collectors.ReasonProtocol // the client could not make sense of the answer
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		known = collectors.ReasonUnreachable
	}
	return collectors.Because(known, fmt.Errorf("%s: %w", what, err))
}

func reason(answer minio.ErrorResponse) collectors.Reason {
	switch answer.Code {
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "AuthorizationHeaderMalformed", "RequestTimeTooSkewed":
		return collectors.ReasonAuth
	case "NoSuchBucket", "NoSuchKey":
		return collectors.ReasonMissing
	case "SlowDown", "SlowDownRead", "TooManyRequests", "RequestLimitExceeded":
		return collectors.ReasonConnections
	}
	switch answer.StatusCode {
	case http.StatusForbidden, http.StatusUnauthorized:
		return collectors.ReasonPermission
	case http.StatusNotFound:
		return collectors.ReasonMissing
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		return collectors.ReasonConnections
	}
	return collectors.ReasonProtocol
}
