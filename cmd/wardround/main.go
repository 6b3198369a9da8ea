// Command wardround visits every tenant of a multi-tenant Odoo platform, serves what it found to
// Prometheus, and says whether the promises made to clinics are being kept.
package main

import (
	"os"
	_ "time/tzdata" // calendar windows name time zones, also where the machine knows none

	"github.com/wardround/wardround/cmd/wardround/internal/command"
)

func main() {
	os.Exit(command.Run(command.Process{
		Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv,
	}))
}
