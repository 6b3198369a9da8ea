package web

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const elsewhere = `{"tenant": "north", "place": "tapes", "started": "2026-11-20T01:00:00Z", "ended": "2026-11-20T01:40:00Z",
	"success": true, "recovery_seconds": 1900.5, "recovery_point": "2026-11-20T00:10:00Z"}`

func TestRehearsalsMadeElsewhere(t *testing.T) {
	c := newClient(t)
	const path = "/api/v1/rehearsals"
	taken := c.send(http.MethodPost, path, elsewhere)
	require.Equal(t, http.StatusCreated, taken.Code)
	require.Contains(t, taken.Body.String(), `"reported_by":"calendar"`)

	var answer RehearsalsJSON
	require.NoError(t, json.Unmarshal(c.get(path).Body.Bytes(), &answer))
	require.Len(t, answer.Rehearsals, 2)
	require.Nil(t, answer.Rehearsals[0].Last, "there was none yet")
	require.Nil(t, answer.Rehearsals[0].DueAt)
	require.Equal(t, "calendar", answer.Rehearsals[1].Last.Reporter, "the name of the token, whoever the body names")
	require.InEpsilon(t, 1900.5, answer.Rehearsals[1].LastSuccess.Seconds, 1e-9)
	require.NoError(t, json.Unmarshal(c.get(path+"?tenant=south").Body.Bytes(), &answer))
	require.Len(t, answer.Rehearsals, 1)
}

func TestRehearsalsThatAreRefused(t *testing.T) {
	c := newClient(t)
	const path = "/api/v1/rehearsals"
	for name, body := range map[string]string{
		"of nobody":       strings.Replace(elsewhere, "north", "nobody", 1),
		"unknown field":   strings.Replace(elsewhere, "place", "plaice", 1),
		"not a time":      strings.Replace(elsewhere, "2026-11-20T01:00:00Z", "yesterday", 1),
		"two of them":     elsewhere + elsewhere,
		"nothing":         "",
		"not of our form": "[]",
	} {
		require.Equal(t, http.StatusBadRequest, c.send(http.MethodPost, path, body).Code, name)
	}
	require.Equal(t, http.StatusBadRequest, c.send(http.MethodPost, path+"?force=1", elsewhere).Code)
	require.Equal(t, http.StatusRequestEntityTooLarge, c.send(http.MethodPost, path, strings.Repeat(" ", maxBody+1)+elsewhere).Code)
	c.tokens = nil
	require.Equal(t, http.StatusForbidden, c.send(http.MethodPost, path, elsewhere).Code)
	require.Empty(t, c.memory.rehearsed)
}
