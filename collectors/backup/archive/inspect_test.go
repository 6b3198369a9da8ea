package archive

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	canary     = "CANARY"
	scriptHead = "--\n-- PostgreSQL database dump\n--\n\nSET statement_timeout = 0;\n"
	scriptEnd  = "--\n-- PostgreSQL database dump complete\n--\n\n"
	rows       = "COPY public.res_partner (name) FROM stdin;\nCANARY\n\\.\n"
	script     = scriptHead + rows + scriptEnd
)

// custom writes the header of pg_dump's custom format, some data, and the end.
func custom(minor byte, database string) []byte {
	var out bytes.Buffer
	number := func(n int32) {
		sign := byte(0)
		if n < 0 {
			sign, n = 1, -n
		}
		out.WriteByte(sign)
		_ = binary.Write(&out, binary.LittleEndian, n)
	}
	text := func(s string) { number(int32(len(s))); out.WriteString(s) }
	out.WriteString("PGDMP")
	out.Write([]byte{1, minor, 0, 4, 8, 1})
	if minor >= 15 {
		out.WriteByte(1)
	} else {
		number(-1)
	}
	for range 7 {
		number(12)
	}
	text(database)
	text("15.20 (Debian 15.20-0+deb12u1)")
	text("15.20")
	number(300)
	out.WriteString(strings.Repeat(canary, 100))
	number(0)
	return out.Bytes()
}

// odooZip writes a zip as Odoo does; parts that are empty are left out.
func odooZip(t testing.TB, manifest, dump string, attachments int) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	add := func(name, text string) {
		if text == "" {
			return
		}
		f, err := w.Create(name)
		require.NoError(t, err)
		_, err = io.WriteString(f, text)
		require.NoError(t, err)
	}
	add("dump.sql", dump)
	add("manifest.json", manifest)
	for i := range attachments {
		add(fmt.Sprintf("filestore/ab/ab%038d", i), canary)
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

func packed(t testing.TB, text string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}

const about = `{"odoo_dump": "1", "db_name": "clinic_north", "version": "18.0", "modules": {"base": "18.0.1.3", "CANARY": "1"}}`

func TestInspect(t *testing.T) {
	whole := odooZip(t, about, script, 3)
	for name, c := range map[string]struct {
		file   []byte
		want   Contents
		reason Reason
	}{
		"empty":                {nil, Contents{Format: Other}, Empty},
		"noise":                {[]byte("CANARY is not a backup"), Contents{Format: Other}, Unrecognized},
		"custom 1.14":          {custom(14, "clinic_north"), Contents{Format: Custom, Database: "clinic_north", Version: "15.20", Complete: true}, ""},
		"custom 1.16":          {custom(16, "clinic_north"), Contents{Format: Custom, Database: "clinic_north", Version: "15.20", Complete: true}, ""},
		"custom, cut in data":  {cut(custom(14, "clinic_north"), 5), Contents{Format: Custom, Database: "clinic_north", Version: "15.20"}, Truncated},
		"custom, one byte off": {cut(custom(14, "clinic_north"), 1), Contents{Format: Custom, Database: "clinic_north", Version: "15.20"}, Truncated},
		"custom, cut in head":  {custom(14, "clinic_north")[:60], Contents{Format: Custom}, Truncated},
		"custom, strange name": {custom(14, "CANARY \n"), Contents{Format: Custom, Database: "?", Version: "15.20", Complete: true}, ""},
		"directory format":     {append([]byte("PGDMP\x01\x0e\x00\x04\x08\x03"), 0, 0, 0), Contents{Format: Custom}, Broken},
		"plain":                {[]byte(script), Contents{Format: Plain, Complete: true}, ""},
		"plain, restricted":    {[]byte("\\restrict abc\n" + script + "\\unrestrict abc\n"), Contents{Format: Plain, Complete: true}, ""},
		"plain with database":  {[]byte(scriptHead + "\\connect clinic_north\n" + scriptEnd), Contents{Format: Plain, Database: "clinic_north", Complete: true}, ""},
		"plain, cut":           {[]byte(scriptHead + rows), Contents{Format: Plain}, Truncated},
		"cluster":              {[]byte("--\n-- PostgreSQL database cluster dump\n--\n" + "--\n-- PostgreSQL database cluster dump complete\n--\n"), Contents{Format: Plain, Complete: true}, ""},
		"gzip":                 {packed(t, script), Contents{Format: Gzip}, ""},
		"gzip of noise":        {packed(t, canary), Contents{Format: Gzip}, Unrecognized},
		"gzip, only its magic": {[]byte("\x1f\x8b\x08"), Contents{Format: Gzip}, Broken},
		"age":                  {[]byte("age-encryption.org/v1\n-> X25519 CANARY"), Contents{Format: Sealed, Encrypted: true}, ""},
		"odoo zip":             {whole, Contents{Format: OdooZip, Database: "clinic_north", Version: "18.0", Complete: true, Files: 3, Unpacked: int64(len(script))}, ""},
		"zip, cut":             {cut(whole, 30), Contents{Format: OdooZip}, Truncated},
		"zip without manifest": {odooZip(t, "", script, 1), Contents{Format: OdooZip, Complete: true, Files: 1}, Incomplete},
		"zip without dump":     {odooZip(t, about, "", 1), Contents{Format: OdooZip, Complete: true, Files: 1}, Incomplete},
		"zip, manifest broken": {odooZip(t, `{"CANARY`, script, 0), Contents{Format: OdooZip, Complete: true, Unpacked: int64(len(script))}, Broken},
		"zip, nameless":        {odooZip(t, `{"version": "18.0"}`, script, 0), Contents{Format: OdooZip, Version: "18.0", Complete: true, Unpacked: int64(len(script))}, Incomplete},
		"zip, dump is noise":   {odooZip(t, about, canary, 0), Contents{Format: OdooZip, Database: "clinic_north", Version: "18.0", Complete: true, Unpacked: 6}, Unrecognized},
		"zip, dump damaged":    {damaged(whole), Contents{Format: OdooZip, Database: "clinic_north", Version: "18.0", Complete: true, Files: 3, Unpacked: int64(len(script))}, Broken},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Inspect(bytes.NewReader(c.file), int64(len(c.file)))
			require.Equal(t, c.want, got)
			if c.reason == "" {
				require.NoError(t, err)
				return
			}
			var f *Fault
			require.ErrorAs(t, err, &f)
			require.Equal(t, c.reason, f.Reason, "%v", err)
			require.NotContains(t, err.Error(), canary)
		})
	}
}

func cut(file []byte, n int) []byte { return file[:len(file)-n] }

// damaged turns around some bytes at the beginning of the packed dump.
func damaged(whole []byte) []byte {
	out := bytes.Clone(whole)
	for i := 40; i < 60; i++ {
		out[i] ^= 0xff
	}
	return out
}

// costly counts what is read of it.
type costly struct {
	io.ReaderAt
	reads, bytes int
	fail         error
}

func (c *costly) ReadAt(p []byte, at int64) (int, error) {
	c.reads++
	c.bytes += len(p)
	if c.fail != nil {
		return 0, c.fail
	}
	return c.ReaderAt.ReadAt(p, at)
}

func TestReadsHeadsAndEndsOnly(t *testing.T) {
	large := []byte(scriptHead + strings.Repeat("x", 50<<20) + scriptEnd)
	for name, file := range map[string][]byte{
		"plain":  large,
		"zip":    odooZip(t, about, string(large), 2000),
		"custom": append(append(custom(14, "clinic_north"), make([]byte, 50<<20)...), 0, 0, 0, 0, 0),
	} {
		t.Run(name, func(t *testing.T) {
			r := &costly{ReaderAt: bytes.NewReader(file)}
			_, err := Inspect(r, int64(len(file)))
			require.NoError(t, err)
			require.LessOrEqual(t, r.reads, 6)
			require.LessOrEqual(t, r.bytes, 6*blockSize)
		})
	}
}

func TestWhatCannotBeReadIsNoFault(t *testing.T) {
	away := errors.New("away")
	_, err := Inspect(&costly{fail: away}, 1000)
	var f *Fault
	require.ErrorIs(t, err, away)
	require.NotErrorAs(t, err, &f)

	// A directory that claims to be larger than may be read.
	whole := odooZip(t, about, script, 0)
	end := whole[len(whole)-22:]
	huge := append(make([]byte, mostRead+1<<20), end...)
	copy(huge, "PK\x03\x04")
	binary.LittleEndian.PutUint32(huge[len(huge)-10:], mostRead) // size of the directory
	binary.LittleEndian.PutUint32(huge[len(huge)-6:], 4)         // its beginning
	_, err = Inspect(bytes.NewReader(huge), int64(len(huge)))
	require.Error(t, err)
}

func FuzzInspect(f *testing.F) {
	f.Add(custom(14, "clinic_north"))
	f.Add(custom(16, "clinic_north"))
	f.Add(odooZip(f, about, script, 2))
	f.Add([]byte(script))
	f.Add(packed(f, script))
	f.Fuzz(func(t *testing.T, file []byte) {
		got, err := Inspect(bytes.NewReader(file), int64(len(file)))
		if len(got.Database) > 63 || len(got.Version) > 40 || strings.ContainsAny(got.Database+got.Version, "\n\x00") {
			t.Fatalf("%q %q", got.Database, got.Version)
		}
		var fault *Fault
		if err != nil && !errors.As(err, &fault) && !errors.Is(err, errTooMuch) {
			t.Fatalf("neither a good backup nor a bad one: %v", err)
		}
	})
}

func BenchmarkInspectZip(b *testing.B) {
	file := odooZip(b, about, script, 100_000)
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		if _, err := Inspect(bytes.NewReader(file), int64(len(file))); err != nil {
			b.Fatal(err)
		}
	}
}
