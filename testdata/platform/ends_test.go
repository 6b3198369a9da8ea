package platform_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/testdata/platform"
)

// ownerRole makes this test binary play a test that owns servers and is killed.
const ownerRole = "PLATFORM_TEST_OWNER"

// owner starts servers in the folder it is given, one of them paused, says so,
// and waits for its death.
func owner() {
	ctx := context.Background()
	dir := os.Getenv(ownerRole)
	p, err := platform.StartPostgres(ctx, platform.PostgresOptions{Place: platform.Place{Dir: filepath.Join(dir, "paused")}})
	fatal(err)
	conn, err := p.Connect(ctx, "", "")
	fatal(err)
	defer conn.Close(ctx)
	fatal(p.Pause())
	_, err = platform.StartRedis(ctx, platform.RedisOptions{Place: platform.Place{Dir: filepath.Join(dir, "redis")}})
	fatal(err)
	_, err = platform.StartRedis(ctx, platform.RedisOptions{
		Place: platform.Place{Dir: filepath.Join(dir, "detached"), Detached: true},
	})
	fatal(err)
	fmt.Println("started")
	select {}
}

func fatal(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func TestServersEndWithTheirOwner(t *testing.T) {
	dir, err := os.MkdirTemp("", "wardround-owner-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), ownerRole+"="+dir)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "started\n", line)
	require.Greater(t, len(leftovers(t, dir)), 3, "a postmaster with children, and two Redis")

	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	require.Eventually(t, func() bool { return len(leftovers(t, dir)) == 1 }, soon, often, "all but the detached one end")

	survivors, err := platform.Survivors(dir)
	require.NoError(t, err)
	require.Len(t, survivors, 1)
	require.True(t, survivors[0].Alive())
	require.NoError(t, survivors[0].Stop())
	require.False(t, survivors[0].Alive())
	require.Empty(t, leftovers(t, dir))
}

// A pid file may name a process that has nothing to do with us any more.
func TestSurvivorKnowsAReusedPID(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "x"), 0o755))
	text, err := json.Marshal(platform.Survivor{Name: "x", PID: os.Getpid(), Born: "1", Signal: 9})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "x", "pid"), text, 0o600))

	survivors, err := platform.Survivors(dir)
	require.NoError(t, err)
	require.False(t, survivors[0].Alive())
	require.NoError(t, survivors[0].Stop())
	require.NoFileExists(t, filepath.Join(dir, "x", "pid"))
}

func leftovers(t *testing.T, dir string) []string {
	t.Helper()
	left, err := platform.Leftovers(dir)
	require.NoError(t, err)
	return left
}
