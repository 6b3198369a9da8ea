package backup

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors/backup/files"
)

// bucket is an S3 server in this process with one bucket, "backups". What gofakes3 does not know,
// locks and encryption, it answers itself.
type bucket struct {
	*httptest.Server
	store *s3mem.Backend
	clock *clock

	until     time.Time // retention of every object; zero where there is none
	locked    bool
	encrypted bool
	requests  atomic.Int64
	fault     func(w http.ResponseWriter, r *http.Request) bool // answers instead, if it returns true
}

// clock is the time at which objects are written.
type clock struct{ at time.Time }

func (c *clock) Now() time.Time                  { return c.at }
func (c *clock) Since(t time.Time) time.Duration { return c.at.Sub(t) }

func startBucket(t testing.TB) *bucket {
	t.Helper()
	b := &bucket{clock: &clock{at: time.Now()}}
	b.store = s3mem.New(s3mem.WithTimeSource(b.clock))
	require.NoError(t, b.store.CreateBucket("backups"))
	server := gofakes3.New(b.store).Server()
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.requests.Add(1)
		if b.fault != nil && b.fault(w, r) {
			return
		}
		if !b.setting(w, r) {
			server.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(b.Close)
	return b
}

// setting answers what is asked about locks and encryption.
func (b *bucket) setting(w http.ResponseWriter, r *http.Request) bool {
	asked := r.URL.Query()
	switch {
	case asked.Has("retention") && b.until.IsZero():
		refuse(w, http.StatusNotFound, "NoSuchObjectLockConfiguration")
	case asked.Has("retention"):
		fmt.Fprintf(w, `<Retention><Mode>COMPLIANCE</Mode><RetainUntilDate>%s</RetainUntilDate></Retention>`, b.until.UTC().Format(time.RFC3339))
	case asked.Has("object-lock") && !b.locked:
		refuse(w, http.StatusNotFound, "ObjectLockConfigurationNotFoundError")
	case asked.Has("object-lock"):
		fmt.Fprint(w, `<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>`)
	case asked.Has("encryption") && !b.encrypted:
		refuse(w, http.StatusNotFound, "ServerSideEncryptionConfigurationNotFoundError")
	case asked.Has("encryption"):
		fmt.Fprint(w, `<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>`)
	default:
		return false
	}
	return true
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, `<Error><Code>%s</Code><Message>CANARY-message</Message><Resource>/CANARY</Resource></Error>`, code)
}

func (b *bucket) put(t testing.TB, name string, content []byte, at time.Time) {
	t.Helper()
	b.clock.at = at
	_, err := b.store.PutObject("backups", name, map[string]string{"Last-Modified": at.UTC().Format(http.TimeFormat)}, bytes.NewReader(content), int64(len(content)), nil)
	require.NoError(t, err)
}

func (b *bucket) location() Location {
	return Location{Bucket: &files.BucketConfig{
		Endpoint: b.URL, Bucket: "backups", Region: "us-east-1", AccessKey: "CANARY-key", SecretKey: "CANARY-secret",
	}}
}
