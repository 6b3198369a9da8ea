package command

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write what the scripts compare with anew")

// The test binary is wardround itself where a script calls it.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"wardround": func() {
			os.Exit(Run(Process{Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv}))
		},
	})
}

// TestScripts runs the command line as people do: each script of testdata/ is one thing to be done.
func TestScripts(t *testing.T) {
	dir, err := filepath.Abs("../../../../testdata")
	require.NoError(t, err)
	testscript.Run(t, testscript.Params{
		Dir: dir, UpdateScripts: *update, RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"fails": fails},
	})
}

// fails runs a command that must end with an exit code: fails CODE COMMAND [ARGS...].
func fails(script *testscript.TestScript, _ bool, args []string) {
	var exit *exec.ExitError
	if err := script.Exec(args[1], args[2:]...); !errors.As(err, &exit) || strconv.Itoa(exit.ExitCode()) != args[0] {
		script.Fatalf("ended with %v instead of exit code %s", err, args[0])
	}
}
