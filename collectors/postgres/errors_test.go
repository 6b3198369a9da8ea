package postgres

import (
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/collectors"
)

func TestClassify(t *testing.T) {
	state := func(code string) error { return &pgconn.PgError{Severity: "ERROR", Code: code, Message: "said so"} }
	for name, test := range map[string]struct {
		err  error
		want collectors.Reason
	}{
		"wrong password":        {state("28P01"), collectors.ReasonAuth},
		"no pg_hba line":        {state("28000"), collectors.ReasonAuth},
		"no right":              {state("42501"), collectors.ReasonPermission},
		"not accepting":         {state("55000"), collectors.ReasonPermission},
		"too many connections":  {state("53300"), collectors.ReasonConnections},
		"no database":           {state("3D000"), collectors.ReasonGone},
		"dropped meanwhile":     {state("57P04"), collectors.ReasonGone},
		"no table":              {state("42P01"), collectors.ReasonMissing},
		"no column":             {state("42703"), collectors.ReasonMissing},
		"no function":           {state("42883"), collectors.ReasonMissing},
		"locked":                {state("55P03"), collectors.ReasonLocked},
		"statement timeout":     {state("57014"), collectors.ReasonTimeout},
		"shut down":             {state("57P01"), collectors.ReasonUnreachable},
		"starting up":           {state("57P03"), collectors.ReasonUnreachable},
		"connection failure":    {state("08006"), collectors.ReasonUnreachable},
		"refused settings":      {state("08P01"), collectors.ReasonProtocol},
		"anything else":         {state("XX000"), collectors.ReasonOther},
		"no code":               {state(""), collectors.ReasonOther},
		"cut":                   {fmt.Errorf("read: %w", io.ErrUnexpectedEOF), collectors.ReasonUnreachable},
		"deadline":              {context.DeadlineExceeded, collectors.ReasonTimeout},
		"known":                 {collectors.Because(collectors.ReasonLocked, state("42P01")), collectors.ReasonLocked},
		"wrapped with its work": {fmt.Errorf("read jobs: %w", state("42P01")), collectors.ReasonMissing},
	} {
		t.Run(name, func(t *testing.T) {
			err := Classify(test.err)
			require.Equal(t, test.want, collectors.ReasonOf(err))
			require.ErrorIs(t, err, test.err)
		})
	}
	require.NoError(t, Classify(nil))
}

func TestClassifyShowsNoValues(t *testing.T) {
	quoting := &pgconn.PgError{Severity: "ERROR", Code: "22P02", Message: `invalid input syntax for type integer: "Jane Doe"`}
	err := Classify(fmt.Errorf("read jobs:\n %w", quoting))
	require.NotContains(t, err.Error(), "Jane Doe")
	require.Contains(t, err.Error(), "read jobs: ERROR:")
	require.Contains(t, err.Error(), "22P02")

	naming := &pgconn.PgError{Severity: "ERROR", Code: "42501", Message: "permission denied for table queue_job"}
	require.ErrorContains(t, Classify(naming), "permission denied for table queue_job")
	require.ErrorAs(t, Classify(naming), &naming)
}
