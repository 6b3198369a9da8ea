package postgres

import (
	"testing"
)

func testBoards(t *testing.T, major string, seen map[string]bool) {}
