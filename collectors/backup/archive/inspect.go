package archive

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
)

// Format is how a backup file is written.
type Format string

// The formats that are told apart.
const (
	OdooZip Format = "odoo_zip" // Odoo's own: manifest.json, dump.sql and filestore/ in a zip
	Custom  Format = "pg_dump"  // pg_dump --format=custom
	Plain   Format = "sql"      // pg_dump --format=plain
	Gzip    Format = "sql_gz"   // the same, through gzip
	Sealed  Format = "sealed"   // encrypted: nothing inside can be seen
	Other   Format = "other"    // none of these
)

// Reason is why a backup file cannot be restored: a metric label, so the set is fixed.
type Reason string

// The reasons.
const (
	Empty         Reason = "empty"          // no bytes at all
	Truncated     Reason = "truncated"      // the end is missing
	Broken        Reason = "broken"         // the structure is damaged
	Incomplete    Reason = "incomplete"     // a part is missing: manifest, dump or filestore
	OtherDatabase Reason = "other_database" // holds the database of somebody else
	Unrecognized  Reason = "unrecognized"   // not a backup in a known format
)

// Fault is the error of a backup file that was read well and is not a good backup.
type Fault struct {
	Reason Reason
	Err    error
}

func (f *Fault) Error() string { return f.Err.Error() }

// Unwrap returns the cause.
func (f *Fault) Unwrap() error { return f.Err }

func fault(reason Reason, format string, args ...any) error {
	return &Fault{reason, fmt.Errorf(format, args...)}
}

// Contents is what a backup file says of itself.
type Contents struct {
	Format    Format
	Database  string // that was dumped; "" where the format does not say
	Version   string // of Odoo for its zip, of PostgreSQL for a dump; "" where it is not said
	Encrypted bool
	Complete  bool  // the end was seen
	Files     int   // of the filestore, in Odoo's zip
	Unpacked  int64 // bytes of the SQL script in a zip once unpacked; 0 where it is not said
}

// Inspect looks at the head and the end of a backup file of the given size; of a zip at its
// directory, manifest and the beginning of its dump. A *Fault says that it is no good backup, any
// other error that it could not be read.
func Inspect(r io.ReaderAt, size int64) (Contents, error) {
	if size == 0 {
		return Contents{Format: Other}, fault(Empty, "the file is empty")
	}
	lean := &frugal{r: r, size: size}
	contents, err := inspect(lean, size)
	if lean.err != nil { // a file that could not be read says nothing about the backup
		return contents, lean.err
	}
	return contents, err
}

func inspect(r io.ReaderAt, size int64) (Contents, error) {
	head := make([]byte, min(size, headSize))
	if _, err := r.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return Contents{Format: Other}, fmt.Errorf("read head: %w", err)
	}
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		return inspectZip(r, size)
	case bytes.HasPrefix(head, []byte("PGDMP")):
		return inspectCustom(head, r, size)
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		return inspectGzip(head)
	case sealed(head):
		return Contents{Format: Sealed, Encrypted: true}, nil
	case isScript(head):
		return inspectPlain(head, r, size)
	}
	return Contents{Format: Other}, fault(Unrecognized, "the file begins like no backup that is known")
}

// headSize is how much of a file's beginning is looked at.
const headSize = 64 << 10

// sealed recognizes what age, GnuPG and OpenSSL write.
func sealed(head []byte) bool {
	for _, mark := range []string{"age-encryption.org/", "-----BEGIN AGE", "-----BEGIN PGP MESSAGE", "Salted__", "\x85\x01", "\x85\x02", "\x8c\x0d"} {
		if bytes.HasPrefix(head, []byte(mark)) {
			return true
		}
	}
	return false
}

// inspectGzip unpacks the beginning. Whether the end is there cannot be seen without unpacking all.
func inspectGzip(head []byte) (Contents, error) {
	contents := Contents{Format: Gzip}
	unpack, err := gzip.NewReader(bytes.NewReader(head))
	if err != nil {
		return contents, fault(Broken, "unpack head: %w", err)
	}
	start := make([]byte, headSize)
	n, err := io.ReadFull(unpack, start)
	if n == 0 {
		return contents, fault(Truncated, "unpack head: %w", err)
	}
	if !isScript(start[:n]) {
		return contents, fault(Unrecognized, "what is packed is no SQL script of pg_dump")
	}
	contents.Database = connected(start[:n])
	return contents, nil
}
