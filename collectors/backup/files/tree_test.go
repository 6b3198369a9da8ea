package files

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUnderAFolder(t *testing.T) {
	for kind, store := range stores(t) {
		tree := Under(t.Context(), store, "a/")
		for name, text := range map[string]string{"1": "one", "b/3": "three"} {
			got, err := fs.ReadFile(tree, name)
			require.NoError(t, err, kind)
			require.Equal(t, text, string(got), kind)
			info, err := fs.Stat(tree, name)
			require.NoError(t, err, kind)
			require.True(t, info.Mode().IsRegular())
			require.Equal(t, int64(len(text)), info.Size())
			require.Equal(t, name, info.Name())
			require.Equal(t, 2026, info.ModTime().Year())
		}
		for _, name := range []string{"3", "b", "", "x/1", "b/33"} {
			_, err := tree.Open(name)
			require.Error(t, err, "%s: %q", kind, name)
		}
		_, err := tree.Open("2/1")
		require.ErrorIs(t, err, fs.ErrNotExist, kind)
		_, err = tree.Open("../z")
		require.ErrorIs(t, err, fs.ErrInvalid, kind)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = Under(ended, store, "a/").Open("1")
		require.ErrorIs(t, err, context.Canceled, kind)
	}
}

// TestLargeFileUnderAFolder reads a file of several parts.
func TestLargeFileUnderAFolder(t *testing.T) {
	content["large"] = string(bytes.Repeat([]byte("0123456789abcdef"), mostAtOnce/16+7))
	defer delete(content, "large")
	for kind, store := range stores(t) {
		got, err := fs.ReadFile(Under(t.Context(), store, ""), "large")
		require.NoError(t, err, kind)
		require.Equal(t, sha256.Sum256([]byte(content["large"])), sha256.Sum256(got), kind)
	}
}
