package files

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/wardround/wardround/collectors"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var content = map[string]string{
	"a/1": "one", "a/2": "two", "a/b/3": "three", "a.x": "x", "c/d/4": "four", "z": "last",
}

// stores are a folder and a bucket that hold the same.
func stores(t *testing.T) map[string]Store {
	t.Helper()
	root := t.TempDir()
	written := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	backend := s3mem.New(s3mem.WithTimeSource(gofakes3.FixedTimeSource(written)))
	require.NoError(t, backend.CreateBucket("backups"))
	for name, text := range content {
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		require.NoError(t, os.Chtimes(path, written, written))
		meta := map[string]string{"Last-Modified": written.Format(http.TimeFormat)}
		_, err := backend.PutObject("backups", name, meta, strings.NewReader(text), int64(len(text)), nil)
		require.NoError(t, err)
	}
	server := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(server.Close)
	bucket, err := NewBucket(BucketConfig{Endpoint: server.URL, Bucket: "backups", Region: "us-east-1", AccessKey: "a", SecretKey: "s"})
	require.NoError(t, err)
	t.Cleanup(bucket.Close)
	return map[string]Store{"folder": NewFolder(root), "bucket": bucket}
}

func TestFoldersAndBucketsListAlike(t *testing.T) {
	for kind, store := range stores(t) {
		for name, c := range map[string]struct {
			query Query
			want  []string
			more  bool
		}{
			"all":              {Query{Most: 100}, []string{"a.x", "a/1", "a/2", "a/b/3", "c/d/4", "z"}, false},
			"exactly as many":  {Query{Most: 6}, []string{"a.x", "a/1", "a/2", "a/b/3", "c/d/4", "z"}, false},
			"below":            {Query{Prefix: "a/", Most: 100}, []string{"a/1", "a/2", "a/b/3"}, false},
			"within a name":    {Query{Prefix: "a/b", Most: 100}, []string{"a/b/3"}, false},
			"nothing there":    {Query{Prefix: "x/y/", Most: 100}, nil, false},
			"after":            {Query{Prefix: "a/", After: "a/2", Most: 100}, []string{"a/b/3"}, false},
			"flat":             {Query{Flat: true, Most: 100}, []string{"a.x", "a/", "c/", "z"}, false},
			"flat below":       {Query{Prefix: "a/", Flat: true, Most: 100}, []string{"a/1", "a/2", "a/b/"}, false},
			"flat in an empty": {Query{Prefix: "c/d/", Flat: true, Most: 100}, []string{"c/d/4"}, false},
		} {
			t.Run(kind+" "+name, func(t *testing.T) {
				var got []string
				more, err := store.List(t.Context(), c.query, func(f File) bool {
					require.Equal(t, strings.HasSuffix(f.Name, "/"), f.Folder)
					if !f.Folder {
						require.Equal(t, int64(len(content[f.Name])), f.Size)
						require.Equal(t, int64(1772366400), f.Modified.Unix())
					}
					got = append(got, f.Name)
					return true
				})
				require.NoError(t, err)
				require.ElementsMatch(t, c.want, got)
				require.Equal(t, c.more, more)
			})
		}
	}
}

func TestListingsStop(t *testing.T) {
	for kind, store := range stores(t) {
		t.Run(kind, func(t *testing.T) {
			n := 0
			more, err := store.List(t.Context(), Query{Most: 3}, func(File) bool { n++; return true })
			require.NoError(t, err)
			require.True(t, more)
			require.Equal(t, 3, n)
			more, err = store.List(t.Context(), Query{Most: 100}, func(File) bool { return false })
			require.NoError(t, err)
			require.False(t, more)
		})
	}
}

func TestParts(t *testing.T) {
	for kind, store := range stores(t) {
		t.Run(kind, func(t *testing.T) {
			opened, err := store.Open(t.Context(), File{Name: "a/b/3", Size: 5})
			require.NoError(t, err)
			defer opened.Close()
			part := make([]byte, 3)
			n, err := opened.ReadAt(part, 1)
			require.NoError(t, err)
			require.Equal(t, "hre", string(part[:n]))
			n, err = opened.ReadAt(part, 3)
			require.ErrorIs(t, err, io.EOF)
			require.Equal(t, "ee", string(part[:n]))
			whole, err := io.ReadAll(io.NewSectionReader(opened, 0, 5))
			require.NoError(t, err)
			require.True(t, bytes.Equal(whole, []byte("three")))
		})
	}
}

func TestFolderKeepsToItself(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(outside, "secret"), []byte("s"), 0o600))
	require.NoError(t, os.Symlink(outside, filepath.Join(root, "link")))
	require.NoError(t, os.Symlink(filepath.Join(outside, "secret"), filepath.Join(root, "CANARY Miller.zip")))
	folder := NewFolder(root)
	_, err := folder.List(t.Context(), Query{Most: 10}, func(f File) bool {
		t.Errorf("%s is a link", f.Name)
		return true
	})
	require.NoError(t, err)
	_, err = folder.Open(t.Context(), File{Name: "link/secret"})
	require.Error(t, err)
	for _, name := range []string{"CANARY Miller.zip", "CANARY Miller.zip/CANARY", "CANARY-gone"} {
		_, err = folder.Open(t.Context(), File{Name: name})
		require.Error(t, err)
		require.NotContains(t, err.Error(), "CANARY", "names below the root may be of people")
	}
	_, err = folder.List(t.Context(), Query{Prefix: strings.Repeat("CANARY", 100) + "/", Most: 1}, func(File) bool { return true })
	require.Error(t, err)
	require.NotContains(t, err.Error(), "CANARY")
	_, err = folder.Open(t.Context(), File{Name: "../" + filepath.Base(outside) + "/secret"})
	require.Error(t, err)
	_, err = NewFolder(filepath.Join(root, "gone")).List(t.Context(), Query{Prefix: "a/", Most: 1}, func(File) bool { return true })
	require.Equal(t, collectors.ReasonMissing, collectors.ReasonOf(err))
}
