package rehearse

import (
	"archive/zip"
	"compress/gzip"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/backup/files"
	"github.com/wardround/wardround/testdata/odoo"
	"github.com/wardround/wardround/testdata/platform"
)

// attach gives the live database attachments, and a folder with their files below filestore/.
func attach(t *testing.T, texts ...string) (folder string) {
	t.Helper()
	folder = scratchDir(t)
	require.NoError(t, live.Exec(t.Context(), database, "DELETE FROM ir_attachment"))
	for _, text := range texts {
		sum := sha1.Sum([]byte(text))
		name := hex.EncodeToString(sum[:])
		name = name[:2] + "/" + name
		path := filepath.Join(folder, "filestore", name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		require.NoError(t, live.Exec(t.Context(), database, "INSERT INTO ir_attachment (name, type, store_fname, file_size) VALUES ('a', 'binary', '"+
			name+"', length('"+text+"'))"))
	}
	return folder
}

// zipped writes a backup as Odoo does, of a dump and a folder with a filestore.
func zipped(t *testing.T, dir, script, attachments string) {
	t.Helper()
	file, err := os.Create(filepath.Join(dir, database+".zip"))
	require.NoError(t, err)
	w := zip.NewWriter(file)
	require.NoError(t, w.AddFS(os.DirFS(attachments)))
	about, err := w.Create("manifest.json")
	require.NoError(t, err)
	_, err = io.WriteString(about, `{"db_name": "clinic_north", "version": "18.0"}`)
	require.NoError(t, err)
	dump, err := w.Create("dump.sql")
	require.NoError(t, err)
	text, err := os.ReadFile(script)
	require.NoError(t, err)
	_, err = dump.Write(text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.NoError(t, file.Close())
}

func TestOdooZip(t *testing.T) {
	clinic(t, live, odoo.Canaries)
	attachments := attach(t, "one", "two", "three")
	script := filepath.Join(t.TempDir(), "dump.sql")
	dump(t, script, "--format=plain", "--no-owner")

	dir := scratchDir(t)
	zipped(t, dir, script, attachments)
	result, err := rehearsed(t, Options{Artifact: newest(t, inFolder(dir))})
	require.NoError(t, err)
	require.Equal(t, Attachments{Sampled: 3}, result.Attachments)

	first, err := filepath.Glob(filepath.Join(attachments, "filestore/*/*"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(first[0], []byte("eno"), 0o644))
	require.NoError(t, os.Remove(first[1]))
	zipped(t, dir, script, attachments)
	result, err = rehearsed(t, Options{Artifact: newest(t, inFolder(dir))})
	require.Error(t, err)
	require.Equal(t, ReasonAttachments, result.Reason)
	require.Equal(t, Attachments{Sampled: 3, Missing: 1, Different: 1}, result.Attachments)
}

func TestFilestoreCopyBesideAPackedScript(t *testing.T) {
	clinic(t, live)
	attachments := attach(t, "one", "two")
	dir := scratchDir(t)
	dump(t, filepath.Join(dir, "d.sql"), "--format=plain")
	text, err := os.ReadFile(filepath.Join(dir, "d.sql"))
	require.NoError(t, err)
	file, err := os.Create(filepath.Join(dir, database+".sql.gz"))
	require.NoError(t, err)
	w := gzip.NewWriter(file)
	_, err = w.Write(text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.NoError(t, file.Close())

	o := Options{Artifact: newest(t, inFolder(dir)), Filestore: os.DirFS(filepath.Join(attachments, "filestore"))}
	result, err := rehearsed(t, o)
	require.NoError(t, err)
	require.Equal(t, Attachments{Sampled: 2}, result.Attachments)

	// Cut in the middle, which only unpacking shows.
	require.NoError(t, os.Truncate(filepath.Join(dir, database+".sql.gz"), 8000))
	o.Artifact = newest(t, inFolder(dir))
	result, err = rehearsed(t, o)
	require.Error(t, err)
	require.Equal(t, ReasonFetch, result.Reason)
	require.Equal(t, StageRestore, result.Stage)
}

func TestWhatCameBackIsJudged(t *testing.T) {
	const named = "UPDATE ir_attachment SET store_fname = 'ab/ab' || repeat('0', 38) WHERE store_fname IS NOT NULL"
	for name, c := range map[string]struct {
		change string // of the live database, before it is dumped
		set    func(*Options)
		reason Reason
		says   string
	}{
		"not Odoo":       {"DROP TABLE ir_module_module CASCADE", nil, ReasonNotOdoo, "no table ir_module_module"},
		"no base":        {"DELETE FROM ir_module_module WHERE name = 'base'", nil, ReasonNotReady, "no module base"},
		"half installed": {"UPDATE ir_module_module SET latest_version = NULL WHERE name = 'base'", nil, ReasonNotReady, "not installed"},
		"too few rows": {
			"DELETE FROM account_move", func(o *Options) { o.Live = map[string]int64{"account_move": 40, "res_users": 7} },
			ReasonRows, "in account_move",
		},
		"too many rows": {"SELECT 1", func(o *Options) { o.Live = map[string]int64{"mail_message": 50} }, ReasonRows, "in mail_message"},
		"table is gone": {
			"DROP TABLE mail_notification CASCADE", func(o *Options) { o.Live = map[string]int64{"mail_notification": 50} },
			ReasonRows, "in mail_notification",
		},
		"within bounds": {"SELECT 1", func(o *Options) { o.Live = map[string]int64{"account_move": 45, "mail_message": 115} }, "", ""},
		"an old copy": {
			"SELECT 1", func(o *Options) { o.LiveWrite = time.Now().Add(13 * time.Hour) },
			ReasonOldContent, "of an old copy",
		},
		"somebody else's": {
			"SELECT 1", func(o *Options) { o.LiveID = "CANARY-live" }, ReasonStranger, "another database than the tenant's",
		},
		"its own": {
			"UPDATE ir_config_parameter SET value = 'its own' WHERE key = 'database.uuid'",
			func(o *Options) { o.LiveID = "its own" }, "", "",
		},
		"nobody knows whose": {
			"DELETE FROM ir_config_parameter WHERE key = 'database.uuid'", func(o *Options) { o.LiveID = "its own" }, "", "",
		},
		"a dump that took long": {"SELECT 1", func(o *Options) { o.LiveWrite = time.Now().Add(11 * time.Hour) }, "", ""},
		"disk too small":        {"SELECT 1", func(o *Options) { o.Reserve = 1 << 60 }, ReasonDisk, "must stay free"},
		"limit too low":         {"SELECT 1", func(o *Options) { o.Limit = 1 << 20 }, ReasonDisk, "may use 1 MiB"},
		"no programs":           {"SELECT 1", func(o *Options) { o.BinDir = "/nowhere" }, ReasonStart, "initdb"},
		"no filestore":          {named, func(o *Options) { o.Filestore = os.DirFS("/nowhere") }, ReasonAttachments, "and 0 are not what they were"},
		"a filestore in a bucket that is down": {
			named, func(o *Options) { o.Filestore = files.Under(t.Context(), downBucket(t), "fs/") }, ReasonAttachments, "list bucket copies",
		},
	} {
		t.Run(name, func(t *testing.T) {
			clinic(t, live)
			require.NoError(t, live.Exec(t.Context(), database, c.change))
			dir := scratchDir(t)
			dump(t, filepath.Join(dir, database+".backup"), "--format=custom")
			o := Options{Artifact: newest(t, inFolder(dir))}
			if c.set != nil {
				c.set(&o)
			}
			result, err := rehearsed(t, o)
			require.Equal(t, c.reason, result.Reason, "%v", err)
			require.NotNil(t, result.Seconds)
			require.True(t, result.Removed)
			if c.reason != "" {
				require.ErrorContains(t, err, c.says)
			}
		})
	}
}

func TestDamagedDump(t *testing.T) {
	clinic(t, live)
	dir := scratchDir(t)
	path := filepath.Join(dir, database+".backup")
	dump(t, path, "--format=custom")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	for i := len(text) / 2; i < len(text)/2+4000; i++ {
		text[i] ^= 0x55
	}
	require.NoError(t, os.WriteFile(path, text, 0o644))
	result, err := rehearsed(t, Options{Artifact: newest(t, inFolder(dir))})
	require.Error(t, err)
	require.Equal(t, ReasonRestore, result.Reason)
}

func TestScriptWithErrors(t *testing.T) {
	clinic(t, live, odoo.Canaries)
	dir := scratchDir(t)
	path := filepath.Join(dir, database+".sql")
	dump(t, path, "--format=plain")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	for statement, bad := range map[string]bool{
		"SELECT '" + odoo.Canary + "'::int;":            true,
		"ALTER DATABASE clinic_north OWNER TO another;": false, // a role of another cluster
		"SET a_setting_of_a_newer_server_that = 'off';": false,
	} {
		require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(text), "\nALTER TABLE", "\n"+statement+"\nALTER TABLE", 1)), 0o644))
		result, err := rehearsed(t, Options{Artifact: newest(t, inFolder(dir))})
		require.Equal(t, bad, err != nil, statement)
		if bad {
			require.Equal(t, ReasonRestore, result.Reason)
			require.Equal(t, 1, result.RestoreErrors)
		}
	}
}

func TestScriptReachesNothingElse(t *testing.T) {
	clinic(t, live)
	dir := scratchDir(t)
	require.NoError(t, os.Chmod(dir, 0o777))
	path := filepath.Join(dir, database+".sql")
	dump(t, path, "--format=plain")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	touched := filepath.Join(dir, "touched")
	commands := "\\! touch " + touched + "\n\\connect \"host=127.0.0.1 port=" + port(live) + " user=postgres password=" + live.Password +
		"\"\nCREATE TABLE public.reached (id int);\n"
	older := regexp.MustCompile(`(?m)^\\(un)?restrict .*$`).ReplaceAllString(string(text), "") // as pg_dump wrote before it guarded its scripts
	script := strings.Replace(older, "-- PostgreSQL database dump complete", commands+"-- PostgreSQL database dump complete", 1)
	require.NoError(t, os.WriteFile(path, []byte(script), 0o644))
	result, err := rehearsed(t, Options{Artifact: newest(t, inFolder(dir))})
	require.NoError(t, err)
	require.Equal(t, 39, result.Tables, "the scratch database got the table")
	require.NoFileExists(t, touched)
	reached, err := live.Value(t.Context(), "postgres", "SELECT to_regclass('public.reached')")
	require.NoError(t, err)
	require.Empty(t, reached)

	_, err = Rehearse(t.Context(), Options{Tenant: collectors.Tenant{Database: "host=127.0.0.1"}, Dir: dir})
	require.ErrorContains(t, err, "no name of a database")
}

func TestCancelledAtEachStage(t *testing.T) {
	clinic(t, live)
	dir := scratchDir(t)
	dump(t, filepath.Join(dir, database+".backup"), "--format=custom")
	for _, stage := range []Stage{StagePrepare, StageStart, StageRestore, StageCheck} {
		t.Run(string(stage), func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			o := Options{Tenant: north, Artifact: newest(t, inFolder(dir)), Dir: scratchDir(t), Progress: func(p Progress) {
				if p.Stage == stage {
					cancel()
				}
			}}
			result, err := Rehearse(ctx, o)
			require.Error(t, err)
			require.Equal(t, ReasonCancelled, result.Reason)
			nothingLeft(t, o.Dir)
		})
	}
}

// TestKilled rehearses in a process of its own that is killed half-way, as by the machine, and
// looks at what the next rehearsal does with what it left.
func TestKilled(t *testing.T) {
	if dir := os.Getenv("REHEARSE_IN"); dir != "" {
		_, err := Rehearse(t.Context(), Options{Tenant: north, Artifact: newest(t, inFolder(os.Getenv("REHEARSE_FROM"))), Dir: dir, Progress: func(p Progress) {
			if p.Stage == StageCheck {
				require.NoError(t, os.WriteFile(filepath.Join(dir, "reached"), nil, 0o600))
				select {} // until somebody kills us
			}
		}})
		require.NoError(t, err)
		return
	}
	clinic(t, live)
	from, dir := scratchDir(t), scratchDir(t)
	dump(t, filepath.Join(from, database+".backup"), "--format=custom")
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilled$")
	cmd.Env = append(os.Environ(), "REHEARSE_IN="+dir, "REHEARSE_FROM="+from, "TMPDIR="+scratchDir(t))
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool { return there(filepath.Join(dir, "reached")) }, time.Minute, 50*time.Millisecond)

	cleaned, err := Clean(t.Context(), dir)
	require.NoError(t, err)
	require.Zero(t, cleaned, "one that lives is left alone")
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	require.NoError(t, os.Remove(filepath.Join(dir, "reached")))
	waiting := func(home string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", "read line", leftIn(t, dir)+"/data")
		cmd.Env = append(os.Environ(), "HOME="+home)
		_, err := cmd.StdinPipe() // it waits for a line for ever
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		return cmd
	}
	stray := waiting(leftIn(t, dir)) // something of its goes on
	looker := waiting("/")           // somebody looks at what it left
	kept := filepath.Join(dir, folderPrefix+"of-somebody")
	require.NoError(t, os.Mkdir(kept, 0o755), "a folder that no rehearsal made")
	cleaned, err = Clean(t.Context(), dir)
	require.NoError(t, err)
	require.Equal(t, 1, cleaned)
	require.DirExists(t, kept)
	require.Error(t, stray.Wait(), "it was killed")
	require.NoError(t, looker.Process.Signal(syscall.Signal(0)), "who only looks is left alone")
	require.NoError(t, looker.Process.Kill())
	require.Error(t, looker.Wait())
	require.NoError(t, os.Remove(kept))
	nothingLeft(t, dir)
}

// TestTwoAtOnce rehearses twice at the same time in the same folder, as a daemon and a command may.
func TestTwoAtOnce(t *testing.T) {
	clinic(t, live)
	from, dir := scratchDir(t), scratchDir(t)
	dump(t, filepath.Join(from, database+".backup"), "--format=custom")
	artifact := newest(t, inFolder(from))
	var both sync.WaitGroup
	errs := make([]error, 2)
	for i := range errs {
		both.Go(func() { _, errs[i] = Rehearse(t.Context(), Options{Tenant: north, Artifact: artifact, Dir: dir}) })
	}
	both.Wait()
	require.NoError(t, errors.Join(errs...))
	nothingLeft(t, dir)
}

func TestFolderOfAnotherUser(t *testing.T) {
	dir := scratchDir(t)
	require.NoError(t, trusted(dir, os.Geteuid()))
	const another = 54321
	if os.Geteuid() == 0 { // root's folders may be used by everybody who can
		require.NoError(t, os.Chown(dir, another+1, another+1))
	}
	require.ErrorContains(t, trusted(dir, another), "belongs to another user")
	link := filepath.Join(scratchDir(t), "link")
	require.NoError(t, os.Symlink(dir, link))
	require.ErrorContains(t, trusted(link, another), "belongs to another user")
}

// leftIn is the folder of the one rehearsal in a folder.
func leftIn(t *testing.T, dir string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, folderPrefix+"*"))
	require.NoError(t, err)
	require.Len(t, found, 1)
	return found[0]
}

func TestRefusals(t *testing.T) {
	clinic(t, live)
	from := scratchDir(t)
	dump(t, filepath.Join(from, database+".backup"), "--format=custom")
	artifact := newest(t, inFolder(from))

	result, err := Rehearse(t.Context(), Options{Tenant: north, Artifact: artifact, Dir: filepath.Join(live.Dir(), "data")})
	require.ErrorContains(t, err, "data folder of a PostgreSQL server")
	require.True(t, result.Removed, "there was nothing to remove")

	_, err = Rehearse(t.Context(), Options{Tenant: north, Artifact: artifact, Dir: filepath.Join(scratchDir(t), strings.Repeat("x", 90))})
	require.ErrorContains(t, err, "too long for a socket")

	open := scratchDir(t)
	require.NoError(t, os.Chmod(open, 0o777))
	_, err = Rehearse(t.Context(), Options{Tenant: north, Artifact: artifact, Dir: open})
	require.ErrorContains(t, err, "anybody may change")

	// A socket behind which another server answers than the one that was started.
	other := scratchDir(t)
	require.NoError(t, os.Chmod(other, 0o777))
	stranger := platform.PostgresForTest(t, platform.PostgresOptions{Settings: map[string]string{"unix_socket_directories": other, "port": "5432"}})
	require.NoError(t, os.Symlink(filepath.Join(other, ".s.PGSQL."+port(stranger)), filepath.Join(other, ".s.PGSQL.5432")))
	require.NoError(t, os.WriteFile(filepath.Join(stranger.Dir(), "data", "pg_hba.conf"), []byte("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"), 0o644))
	require.NoError(t, stranger.Exec(t.Context(), "", "SELECT pg_reload_conf()"))
	v := &server{scratch: &scratch{path: other, socket: other}, superuser: "postgres"}
	require.Eventually(t, func() bool {
		_, err = v.connect(t.Context(), "postgres")
		return err != nil && !strings.Contains(err.Error(), "password")
	}, 10*time.Second, 50*time.Millisecond)
	var refused *strangerError
	require.ErrorAs(t, err, &refused)
}
