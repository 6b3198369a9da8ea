package web

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	promconfig "github.com/prometheus/common/config"
	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
)

// maintenance is a valid exclusion.
func maintenance(id string) slo.Exclusion {
	return slo.Exclusion{
		ID: id, Scope: slo.Scope{Objectives: []string{"login"}, Tenants: []string{"south", "north"}},
		From: now.Add(-2 * time.Hour), To: now.Add(-time.Hour), Mode: slo.Remove,
		Category: slo.Maintenance, Approver: "Duty manager", Reason: "Move to the new cluster", Announced: now.Add(-slo.Day),
	}
}

func encoded(t *testing.T, x slo.Exclusion) string {
	t.Helper()
	text, err := json.Marshal(x)
	require.NoError(t, err)
	return string(text)
}

func excluded(t *testing.T, w *httptest.ResponseRecorder) ExcludedJSON {
	t.Helper()
	var answer ExcludedJSON
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer), "%s", w.Body)
	return answer
}

func refused(t *testing.T, w *httptest.ResponseRecorder) Fault {
	t.Helper()
	var answer struct{ Error Fault }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer), "%s", w.Body)
	require.NotEmpty(t, answer.Error.Advice)
	return answer.Error
}

func TestAnExclusionsLife(t *testing.T) {
	c := newClient(t)
	const path = "/api/v1/exclusions"
	x := maintenance("move-2026")

	w := c.send(http.MethodPost, path, encoded(t, x))
	require.Equal(t, http.StatusCreated, w.Code, "%s", w.Body)
	made := excluded(t, w)
	require.Equal(t, "calendar", *made.Exclusion.CreatedBy, "the name of the token")
	require.True(t, made.Exclusion.InForce)
	require.Equal(t, 2, made.Instances, "south and north have the objective")
	require.NotContains(t, w.Body.String(), token)

	abroad := x
	abroad.From = x.From.In(time.FixedZone("CET", 3600))
	w = c.send(http.MethodPost, path, encoded(t, abroad))
	require.Equal(t, http.StatusOK, w.Code, "the same, sent again")
	require.Equal(t, made.Exclusion, excluded(t, w).Exclusion)

	other := x
	other.Reason = "Another"
	w = c.send(http.MethodPost, path, encoded(t, other))
	require.Equal(t, http.StatusConflict, w.Code)
	require.Equal(t, "id", refused(t, w).Field)
	require.Equal(t, x.Reason, c.memory.made[x.ID].Reason, "what was made is not changed")

	require.Equal(t, http.StatusBadRequest, c.send(http.MethodDelete, path+"/move-2026", "").Code, "no reason")
	require.Equal(t, http.StatusBadRequest, c.send(http.MethodDelete, path+"/move-2026?reason=%20", "").Code)
	require.True(t, c.memory.made[x.ID].Revoked.IsZero())
	w = c.send(http.MethodDelete, path+"/move-2026?reason=Put+off", "")
	require.Equal(t, http.StatusOK, w.Code)
	revoked := excluded(t, w).Exclusion
	require.Equal(t, []string{"calendar", "Put off", "revoked"}, []string{*revoked.RevokedBy, *revoked.RevokedWhy, *revoked.NotInForce})
	require.False(t, revoked.InForce)
	w = c.send(http.MethodDelete, path+"/move-2026?reason=Again", "")
	require.Equal(t, "Put off", *excluded(t, w).Exclusion.RevokedWhy, "once")
	require.Equal(t, http.StatusNotFound, c.send(http.MethodDelete, path+"/none?reason=x", "").Code)

	w = c.send(http.MethodPost, path, encoded(t, x))
	require.Equal(t, http.StatusConflict, w.Code, "sending it again does not bring it back")
	require.Contains(t, refused(t, w).Problem, "was revoked")
}

// TestATokenBesideAPassword sends the token where Authorization holds a user's.
func TestATokenBesideAPassword(t *testing.T) {
	c := newClient(t)
	r := httptest.NewRequest(http.MethodPost, "/api/v1/exclusions", strings.NewReader(encoded(t, maintenance("beside"))))
	r.Header.Set("Content-Type", "application/json")
	r.SetBasicAuth("nurse", "password")
	r.Header.Set("X-Wardround-Token", token)
	w := httptest.NewRecorder()
	c.handler.ServeHTTP(w, r)
	require.Equal(t, http.StatusCreated, w.Code, "%s", w.Body)
}

// TestPlannedTimeCountsFromWhenItWasPutOnRecord keeps maintenance from being announced afterwards.
func TestPlannedTimeCountsFromWhenItWasPutOnRecord(t *testing.T) {
	x := Exclusion{Exclusion: maintenance("late"), Created: now}
	require.Equal(t, now, (&x).Effective().Announced)
	require.Equal(t, "announced_late", x.idle())
	x.Category = slo.Correction
	require.Equal(t, maintenance("late").Announced, (&x).Effective().Announced, "a correction is made afterwards")
}

func TestWhatIsNotInForceSaysWhy(t *testing.T) {
	late, weekly, correction, revoked := maintenance("late"), maintenance("weekly"), maintenance("correction"), maintenance("revoked")
	late.Announced = late.From.Add(time.Minute)
	weekly.Rule, weekly.Announced = "FREQ=WEEKLY", late.Announced
	correction.Category, correction.Announced = slo.Correction, late.Announced
	intime := maintenance("in-time")
	intime.Announced = intime.From
	c := newClient(t)
	for _, x := range []slo.Exclusion{late, weekly, correction, intime} {
		require.Equal(t, http.StatusCreated, c.send(http.MethodPost, "/api/v1/exclusions", encoded(t, x)).Code, x.ID)
	}
	c.memory.made["revoked"] = Exclusion{Exclusion: revoked, Revoked: now, RevokedBy: "x", RevokedWhy: "y"}
	for query, want := range map[string]string{
		"in_force=true": "correction in-time weekly", "in_force=false": "late revoked", "category=correction": "correction",
		"tenant=south": "correction in-time late revoked weekly", "tenant=west": "", "objective=mail-on-time": "",
		"tier=shared": "correction in-time late revoked weekly", "limit=2": "correction in-time",
	} {
		var page ExclusionsJSON
		require.NoError(t, json.Unmarshal(c.get("/api/v1/exclusions?"+query).Body.Bytes(), &page))
		var ids []string
		for _, x := range page.Exclusions {
			ids = append(ids, x.ID)
			switch x.ID {
			case "late":
				require.Equal(t, "announced_late", *x.NotInForce)
			case "revoked":
				require.Equal(t, "revoked", *x.NotInForce)
			default:
				require.Nil(t, x.NotInForce)
			}
		}
		require.Equal(t, want, strings.Join(ids, " "), query)
	}
}

func TestOnlySendersWithATokenExclude(t *testing.T) {
	for name, test := range map[string]struct {
		tokens map[string]promconfig.Secret
		header string
		status int
		says   string
	}{
		"nobody may":         {nil, "Bearer " + token, http.StatusForbidden, "api.tokens"},
		"no token":           {map[string]promconfig.Secret{"a": token}, "", http.StatusUnauthorized, "Bearer"},
		"wrong token":        {map[string]promconfig.Secret{"a": token}, "Bearer " + token + "x", http.StatusUnauthorized, "Bearer"},
		"beginning of it":    {map[string]promconfig.Secret{"a": token}, "Bearer a", http.StatusUnauthorized, "Bearer"},
		"another scheme":     {map[string]promconfig.Secret{"a": token}, "Basic " + token, http.StatusUnauthorized, "Bearer"},
		"empty token":        {map[string]promconfig.Secret{"a": ""}, "Bearer ", http.StatusUnauthorized, "Bearer"},
		"token":              {map[string]promconfig.Secret{"a": token}, "Bearer " + token, http.StatusCreated, `"created_by":"a"`},
		"lower case, spaces": {map[string]promconfig.Secret{"a": token}, "bearer  " + token, http.StatusCreated, `"created_by":"a"`},
		"the other's":        {map[string]promconfig.Secret{"a": "x", "b": token, "c": "y"}, "Bearer " + token, http.StatusCreated, `"created_by":"b"`},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t)
			c.tokens = test.tokens
			for _, method := range []string{http.MethodPost, http.MethodDelete} {
				path := map[string]string{http.MethodPost: "/api/v1/exclusions", http.MethodDelete: "/api/v1/exclusions/m?reason=x"}[method]
				r := httptest.NewRequest(method, path, strings.NewReader(encoded(t, maintenance("m"))))
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("Authorization", test.header)
				w := c.ask(r)
				want := test.status
				if method == http.MethodDelete && want == http.StatusCreated {
					want = http.StatusOK
				}
				require.Equal(t, want, w.Code, "%s", w.Body)
				require.Contains(t, w.Body.String(), test.says)
				require.Equal(t, want == http.StatusUnauthorized, w.Header().Get("WWW-Authenticate") != "")
			}
			require.Equal(t, test.status == http.StatusCreated, len(c.memory.made) == 1)
		})
	}
}

func TestNoOtherSitesPageExcludes(t *testing.T) {
	c := newClient(t)
	for header, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://elsewhere.example"} {
		r := httptest.NewRequest(http.MethodPost, "/api/v1/exclusions", strings.NewReader(encoded(t, maintenance("m"))))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set(header, value)
		w := c.ask(r)
		require.Equal(t, http.StatusForbidden, w.Code, header)
		require.Equal(t, "forbidden", refused(t, w).Code)
	}
	require.Empty(t, c.memory.made)
}

func TestExclusionsAreReadStrictly(t *testing.T) {
	c := newClient(t)
	good := encoded(t, maintenance("m"))
	for name, test := range map[string]struct {
		body        string
		status      int
		field, says string
	}{
		"nothing":         {"", 400, "", "one object"},
		"no JSON":         {"id: m", 400, "", "one object"},
		"a list":          {"[" + good + "]", 400, "", "array"},
		"null":            {"null", 400, "id", "not an id"},
		"two":             {good + good, 400, "", "follows"},
		"cut off":         {good[:40], 400, "", "one object"},
		"a typo":          {strings.Replace(good, `"reason"`, `"raeson"`, 1), 400, "raeson", "no field"},
		"a nested typo":   {strings.Replace(good, `"tenants"`, `"tenant"`, 1), 400, "tenant", "no field"},
		"another type":    {strings.Replace(good, `"m"`, `7`, 1), 400, "id", "number"},
		"a nested type":   {strings.Replace(good, `["login"]`, `"login"`, 1), 400, "scope.objectives", "string"},
		"no time":         {strings.Replace(good, "2026-11-21T20:00:00Z", "yesterday", 1), 400, "", "RFC 3339"},
		"no id":           {strings.Replace(good, `"m"`, `""`, 1), 400, "id", "not an id"},
		"a path for id":   {strings.Replace(good, `"m"`, `"a/b"`, 1), 400, "id", "not an id"},
		"no mode":         {strings.Replace(good, `"remove"`, `"hide"`, 1), 400, "mode", "hide"},
		"no scope":        {regexp.MustCompile(`"scope":\{[^}]*\},`).ReplaceAllString(good, ""), 400, "scope", "no scope"},
		"not announced":   {strings.Replace(good, `,"announced":"2026-11-20T22:00:00Z"`, "", 1), 400, "announced", "announced"},
		"ends too early":  {strings.Replace(good, "2026-11-21T21:00:00Z", "2026-11-21T19:00:00Z", 1), 400, "to", "ends before"},
		"too large":       {`{"reason":"` + strings.Repeat("x", maxBody) + `"}`, 413, "", "bytes"},
		"large afterward": {good + strings.Repeat(" ", maxBody), 413, "", "bytes"},
	} {
		w := c.send(http.MethodPost, "/api/v1/exclusions", test.body)
		require.Equal(t, test.status, w.Code, "%s: %s", name, w.Body)
		fault := refused(t, w)
		require.Equal(t, test.field, fault.Field, "%s: %s", name, w.Body)
		require.Contains(t, fault.Problem+" "+fault.Advice, test.says, name)
	}
	require.Empty(t, c.memory.made)
	w := c.send(http.MethodPost, "/api/v1/exclusions?dry_run=true", good)
	require.Equal(t, "dry_run", refused(t, w).Parameter)
	r := httptest.NewRequest(http.MethodPost, "/api/v1/exclusions", strings.NewReader(good))
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "text/plain")
	require.Equal(t, http.StatusUnsupportedMediaType, c.ask(r).Code)
	w = c.send(http.MethodPost, "/api/v1/exclusions", strings.Replace(good, `"mode":"remove",`, "", 1))
	require.Equal(t, slo.Remove, excluded(t, w).Exclusion.Mode, "the default")
}

// TestOfTwoWithOneIDOneIsMade sends different exclusions with one id at the same time.
func TestOfTwoWithOneIDOneIsMade(t *testing.T) {
	c := newClient(t)
	statuses := make([]int, 8)
	var sent sync.WaitGroup
	for k := range statuses {
		x := maintenance("same")
		x.Reason = strings.Repeat("x", k+1)
		body := encoded(t, x)
		sent.Go(func() {
			r := httptest.NewRequest(http.MethodPost, "/api/v1/exclusions", strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Authorization", "Bearer "+token)
			w := httptest.NewRecorder()
			c.handler.ServeHTTP(w, r)
			statuses[k] = w.Code
		})
	}
	sent.Wait()
	count := map[int]int{}
	for _, s := range statuses {
		count[s]++
	}
	require.Equal(t, map[int]int{http.StatusCreated: 1, http.StatusConflict: len(statuses) - 1}, count)
}
