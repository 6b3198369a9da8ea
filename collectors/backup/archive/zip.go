package archive

import (
	"archive/zip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// Names of what is in Odoo's zip.
const (
	ManifestName    = "manifest.json"
	DumpName        = "dump.sql"
	FilestorePrefix = "filestore/"
)

// manifest is the part of manifest.json that matters.
type manifest struct {
	Database string `json:"db_name"`
	Version  string `json:"version"`
}

const mostManifest = 4 << 20 // it lists all modules

// inspectZip reads the directory, the manifest and the beginning of the dump.
func inspectZip(r io.ReaderAt, size int64) (Contents, error) {
	contents := Contents{Format: OdooZip}
	directory, err := zip.NewReader(r, size)
	switch {
	case errors.Is(err, zip.ErrFormat):
		return contents, fault(Truncated, "the zip has no directory at its end: %w", err)
	case err != nil:
		return contents, fault(Broken, "read the zip's directory: %w", err)
	}
	contents.Complete = true
	var dump, about *zip.File
	for _, file := range directory.File {
		switch {
		case file.Name == DumpName:
			dump = file
		case file.Name == ManifestName:
			about = file
		case strings.HasPrefix(file.Name, FilestorePrefix) && !strings.HasSuffix(file.Name, "/"):
			contents.Files++
		}
	}
	switch {
	case dump == nil:
		return contents, fault(Incomplete, "the zip has no %s", DumpName)
	case dump.UncompressedSize64 == 0:
		return contents, fault(Incomplete, "%s in the zip is empty", DumpName)
	case about == nil:
		return contents, fault(Incomplete, "the zip has no %s", ManifestName)
	}
	contents.Unpacked = int64(dump.UncompressedSize64)
	if err := contents.readManifest(about); err != nil {
		return contents, err
	}
	return contents, beginsLikeScript(dump)
}

func (c *Contents) readManifest(file *zip.File) error {
	text, err := head(file, mostManifest)
	if err != nil {
		return fault(Broken, "read %s: %w", ManifestName, err)
	}
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return fault(Broken, "read %s: not JSON", ManifestName)
	}
	c.Database, c.Version = name(m.Database), version(m.Version)
	if c.Database == "" {
		return fault(Incomplete, "%s does not say which database was dumped", ManifestName)
	}
	return nil
}

func beginsLikeScript(file *zip.File) error {
	text, err := head(file, headSize/4)
	if err != nil {
		return fault(Broken, "unpack the beginning of %s: %w", DumpName, err)
	}
	if !isScript(text) {
		return fault(Unrecognized, "%s is no SQL script of pg_dump", DumpName)
	}
	return nil
}

// head unpacks at most so many bytes of a file in a zip.
func head(file *zip.File, most int64) ([]byte, error) {
	unpacked, err := file.Open()
	if err != nil {
		return nil, err
	}
	defer unpacked.Close()
	text, err := io.ReadAll(io.LimitReader(unpacked, most))
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	return text, nil
}

var (
	versionText = regexp.MustCompile(`^[0-9A-Za-z~+.]+`)
	nameText    = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.\-]{0,62}$`)
)

// version keeps the version number of what may be followed by a build's whole story.
func version(text string) string {
	return versionText.FindString(text[:min(len(text), 40)])
}

// name lets through what can be the name of a database, and nothing else. A name that cannot be
// is told as one that belongs to nobody.
func name(text string) string {
	if text == "" || nameText.MatchString(text) {
		return text
	}
	return unnamable
}

// unnamable stands for a database whose name is not shown.
const unnamable = "?"
