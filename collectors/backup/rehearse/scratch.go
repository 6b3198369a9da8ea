package rehearse

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/wardround/wardround/collectors/backup/archive"
)

const (
	folderPrefix = "rehearsal-"
	ownerFile    = "owner" // in each scratch folder; locked for as long as its rehearsal lives
	watchEvery   = time.Second
)

// scratch is the folder of one rehearsal.
type scratch struct {
	path    string
	owner   *os.File
	account *syscall.Credential
	socket  string // folder of the server's socket
}

// Clean ends and removes what killed rehearsals left in a folder: only folders that a rehearsal
// made and whose rehearsal no longer lives. It returns how many they were.
func Clean(ctx context.Context, dir string) (int, error) {
	owners, err := filepath.Glob(filepath.Join(dir, folderPrefix+"*", ownerFile))
	if err != nil {
		return 0, fmt.Errorf("look for old rehearsals: %w", err)
	}
	removed := 0
	for _, path := range owners {
		owner, err := os.OpenFile(path, os.O_RDWR, 0)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return removed, fmt.Errorf("look at an old rehearsal: %w", err)
		}
		if syscall.Flock(int(owner.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			s := &scratch{path: filepath.Dir(path), owner: owner}
			if err := s.remove(ctx); err != nil {
				return removed, err
			}
			removed++
			continue
		}
		if err := owner.Close(); err != nil {
			return removed, fmt.Errorf("look at an old rehearsal: %w", err)
		}
	}
	return removed, nil
}

// newScratch makes a folder that only PostgreSQL's user may enter.
func newScratch(dir string, runAs *syscall.Credential) (*scratch, error) {
	if there(filepath.Join(dir, "PG_VERSION")) {
		return nil, fmt.Errorf("%s is the data folder of a PostgreSQL server; name another", dir)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make folder for rehearsals: %w", err)
	}
	if err := trusted(dir, os.Geteuid()); err != nil {
		return nil, err
	}
	path, err := os.MkdirTemp(dir, folderPrefix)
	if err != nil {
		return nil, fmt.Errorf("make folder of the rehearsal: %w", err)
	}
	s := &scratch{path: path, account: runAs, socket: filepath.Join(path, "s")}
	if err := s.claim(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(path))
	}
	return s, nil
}

// trusted refuses a folder that is somebody else's, who could put another in the place of ours: it
// may be one with a well known name below /tmp.
func trusted(dir string, uid int) error {
	for _, look := range []func(string) (os.FileInfo, error){os.Lstat, os.Stat} {
		info, err := look(dir)
		if err != nil {
			return fmt.Errorf("look at the folder for rehearsals: %w", err)
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if ok && stat.Uid != 0 && int(stat.Uid) != uid {
			return fmt.Errorf("the folder for rehearsals, %s, belongs to another user; name another", dir)
		}
		if info.IsDir() && info.Mode().Perm()&0o002 != 0 && info.Mode()&os.ModeSticky == 0 {
			return fmt.Errorf("anybody may change the folder for rehearsals, %s; name another", dir)
		}
	}
	return nil
}

// claim locks the folder and hands it to PostgreSQL's user. The mark gets its name once it is
// locked: another rehearsal that begins now would take this one for dead.
func (s *scratch) claim() error {
	var err error
	if s.owner, err = os.CreateTemp(s.path, ownerFile+"."); err != nil {
		return fmt.Errorf("mark folder of the rehearsal: %w", err)
	}
	if err := syscall.Flock(int(s.owner.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("lock folder of the rehearsal: %w", err)
	}
	if err := os.Rename(s.owner.Name(), s.in(ownerFile)); err != nil {
		return fmt.Errorf("mark folder of the rehearsal: %w", err)
	}
	if err := os.Mkdir(s.socket, 0o700); err != nil {
		return fmt.Errorf("make folder of the socket: %w", err)
	}
	const longestSocket = 107 - len("/.s.PGSQL.5432")
	if len(s.socket) > longestSocket {
		return fmt.Errorf("the path of the folder for rehearsals is too long for a socket, by %d bytes", len(s.socket)-longestSocket)
	}
	if s.account == nil {
		return nil
	}
	for _, path := range []string{s.path, s.socket} {
		if err := os.Chown(path, int(s.account.Uid), int(s.account.Gid)); err != nil {
			return fmt.Errorf("hand folder of the rehearsal over: %w", err)
		}
	}
	return nil
}

// home is the setting by which the rehearsal's processes are known.
func (s *scratch) home() string { return "HOME=" + s.path }

func (s *scratch) in(name string) string { return filepath.Join(s.path, name) }

// remove ends what still runs in the folder and deletes it.
func (s *scratch) remove(ctx context.Context) error {
	err := s.endAll(ctx)
	err = errors.Join(err, os.RemoveAll(s.path), s.owner.Close())
	if err != nil {
		return fmt.Errorf("remove folder of the rehearsal: %w", err)
	}
	return nil
}

// endAll ends every process that the rehearsal started, and that those started.
func (s *scratch) endAll(ctx context.Context) error {
	deadline := time.Now().Add(10 * time.Second)
	signal := syscall.SIGQUIT
	for {
		running, err := s.processes()
		if err != nil || len(running) == 0 {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d processes of the rehearsal do not end", len(running))
		}
		for _, pid := range running {
			if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("end process of the rehearsal: %w", err)
			}
		}
		timer := time.NewTimer(200 * time.Millisecond)
		select {
		case <-timer.C:
		case <-ctx.Done(): // nothing may stay behind, so the wait goes on, but less politely
			<-timer.C
		}
		signal = syscall.SIGKILL
	}
}

// processes lists the processes whose home is the folder: those of the rehearsal, and nobody who
// only looks at it. PostgreSQL's own children, which hide theirs, end with the server.
func (s *scratch) processes() ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var found []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		set, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "environ"))
		if err == nil && slices.Contains(strings.Split(string(set), "\x00"), s.home()) {
			found = append(found, pid)
		}
	}
	return found, nil
}

// free is how many bytes of the folder's disk may still be used.
func free(dir string) (int64, error) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		return 0, fmt.Errorf("look how much of the disk is free: %w", err)
	}
	return int64(stat.Bavail) * stat.Bsize, nil
}

// needs estimates the bytes of disk that a rehearsal takes: the restored database with its
// indexes, and what must be fetched.
func (o Options) needs(fetch bool) int64 {
	a := o.Artifact
	var need int64
	switch {
	case a.Command != nil:
		need = a.Database + a.Database/5
	case a.Contents.Format == archive.Plain:
		need = a.Size * 5 / 2
	case a.Contents.Format == archive.OdooZip:
		need = a.Contents.Unpacked * 5 / 2
	default: // compressed about five times
		need = a.Size * 12
	}
	if fetch {
		need += a.Size
	}
	return need + emptyCluster
}

// emptyCluster is what a server needs that holds nothing yet, with its WAL.
const emptyCluster = 256 << 20

// checkDisk refuses to begin what cannot end.
func (o Options) checkDisk(fetch bool) error {
	left, err := free(o.Dir)
	if err != nil {
		return err
	}
	need := o.needs(fetch)
	switch {
	case o.Limit > 0 && need > o.Limit:
		return because(ReasonDisk, fmt.Errorf("the restore needs about %d MiB of disk, and may use %d MiB", need>>20, o.Limit>>20))
	case left-need < o.Reserve:
		return because(ReasonDisk, fmt.Errorf("the restore needs about %d MiB of disk, and %d MiB must stay free; there are %d MiB",
			need>>20, o.Reserve>>20, left>>20))
	}
	return nil
}

// used is how many bytes of disk the folder takes.
func (s *scratch) used() int64 {
	var sum int64
	_ = filepath.WalkDir(s.path, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // files come and go
		}
		info, err := entry.Info()
		if err != nil {
			return nil //nolint:nilerr // it went
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			sum += stat.Blocks * 512
		}
		return nil
	})
	return sum
}

// watch cancels the rehearsal when it takes more than it may, or the disk gets too full, and tells
// how much it takes. It returns when ctx ends.
func (s *scratch) watch(ctx context.Context, o Options, cancel context.CancelCauseFunc, told func(int64)) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		left, err := free(s.path)
		if err != nil {
			continue
		}
		used := s.used()
		told(used)
		if left < o.Reserve/2 || (o.Limit > 0 && used > o.Limit) {
			cancel(because(ReasonDisk, errors.New("the restore takes more disk than was to be expected")))
			return
		}
	}
}
