package platform

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// capDACOverride lets the servant pass folders that only root may enter, such as
// a checkout below root's home.
const capDACOverride = 1

// servant is the unprivileged user that PostgreSQL and PgBouncer insist on where
// we are root.
type servant struct {
	credential   *syscall.Credential
	capabilities []uintptr
}

// servantFor hands dir to an unprivileged user, who is to run what is in the folders of programs,
// and returns that user, or nil where we are unprivileged ourselves.
func servantFor(dir string, programs ...string) (*servant, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		account, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, fmt.Errorf("find an unprivileged user: %w", err)
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("user id of %s: %w", account.Username, err)
	}
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("group id of %s: %w", account.Username, err)
	}
	if err := chownTree(dir, int(uid), int(gid)); err != nil {
		return nil, err
	}
	s := &servant{credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	for _, folder := range append(programs, filepath.Dir(dir)) {
		reachable, err := openToAll(folder)
		if err != nil {
			return nil, err
		}
		if !reachable {
			s.capabilities = []uintptr{capDACOverride}
		}
	}
	return s, nil
}

func chownTree(dir string, uid, gid int) error {
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, uid, gid))
	})
	if err != nil {
		return fmt.Errorf("hand %s to user %d: %w", dir, uid, err)
	}
	return nil
}

// openToAll says whether everybody may pass through dir and all above it.
func openToAll(dir string) (bool, error) {
	for {
		info, err := os.Stat(dir)
		if err != nil {
			return false, fmt.Errorf("check access to %s: %w", dir, err)
		}
		if info.Mode().Perm()&0o001 == 0 {
			return false, nil
		}
		if dir == filepath.Dir(dir) {
			return true, nil
		}
		dir = filepath.Dir(dir)
	}
}
