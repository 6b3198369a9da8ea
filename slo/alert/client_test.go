package alert

import (
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/alertmanager/api/v2/models"
	promconfig "github.com/prometheus/common/config"
	"github.com/stretchr/testify/require"
)

func clientTo(t *testing.T, am Alertmanager) *amClient {
	t.Helper()
	c, err := newClient(am)
	require.NoError(t, err)
	t.Cleanup(c.close)
	return c
}

var oneAlert = models.PostableAlerts{{Alert: models.Alert{Labels: models.LabelSet{NameLabel: "X"}}}}

func TestClientRequest(t *testing.T) {
	var got *http.Request
	var posted []map[string]any
	server := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = r
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = json.Unmarshal(body, &posted)
		}
		if err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	dir := t.TempDir()
	ca, password := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "password")
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	require.NoError(t, os.WriteFile(password, []byte("s3cret\n"), 0o600))
	c := clientTo(t, Alertmanager{
		URL: server.URL + "/monitoring/am/",
		HTTP: promconfig.HTTPClientConfig{
			BasicAuth: &promconfig.BasicAuth{Username: "wardround", PasswordFile: password},
			TLSConfig: promconfig.TLSConfig{CAFile: ca},
		},
	})
	require.NoError(t, c.post(t.Context(), oneAlert))
	require.Equal(t, "/monitoring/am/api/v2/alerts", got.URL.Path)
	user, secret, _ := got.BasicAuth()
	require.Equal(t, "wardround s3cret", user+" "+secret)
	require.Len(t, posted, 1)
	require.Equal(t, map[string]any{NameLabel: "X"}, posted[0]["labels"])
}

func TestClientOutcomes(t *testing.T) {
	answer := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, `"no"`, code) }
	}
	hang := func(_ http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			<-r.Context().Done()
		}
	}
	for name, tt := range map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"taken":             {answer(http.StatusOK), outcomeSent},
		"bad request":       {answer(http.StatusBadRequest), outcomeRejected},
		"unauthorized":      {answer(http.StatusUnauthorized), outcomeRejected},
		"server error":      {answer(http.StatusInternalServerError), outcomeRejected},
		"behind a proxy":    {answer(http.StatusBadGateway), outcomeRejected},
		"no answer in time": {hang, outcomeTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(tt.handler)
			defer server.Close()
			c := clientTo(t, Alertmanager{URL: server.URL, Timeout: 200 * time.Millisecond})
			require.Equal(t, tt.want, outcomeOf(c.post(t.Context(), oneAlert)))
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		require.NoError(t, listener.Close())
		c := clientTo(t, Alertmanager{URL: "http://" + listener.Addr().String()})
		require.Equal(t, outcomeUnreachable, outcomeOf(c.post(t.Context(), oneAlert)))
	})
	t.Run("the connection breaks", func(t *testing.T) {
		server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
		defer server.Close()
		c := clientTo(t, Alertmanager{URL: server.URL})
		require.Equal(t, outcomeUnreachable, outcomeOf(c.post(t.Context(), oneAlert)))
	})
}

func TestNotifierRefuses(t *testing.T) {
	to := func(urls ...string) []Alertmanager {
		var all []Alertmanager
		for _, u := range urls {
			all = append(all, Alertmanager{URL: u})
		}
		return all
	}
	logger := slog.New(slog.DiscardHandler)
	for name, tt := range map[string]struct {
		options NotifierOptions
		want    string
	}{
		"no scheme":   {NotifierOptions{Logger: logger, Alertmanagers: to("am:9093")}, "must begin with http:// or https://"},
		"other":       {NotifierOptions{Logger: logger, Alertmanagers: to("ftp://am")}, "must begin with http:// or https://"},
		"no host":     {NotifierOptions{Logger: logger, Alertmanagers: to("http:///am")}, "name a host"},
		"not a URL":   {NotifierOptions{Logger: logger, Alertmanagers: to("http://am:port:9")}, "not a URL"},
		"query":       {NotifierOptions{Logger: logger, Alertmanagers: to("http://am/?a=b")}, "no query"},
		"password":    {NotifierOptions{Logger: logger, Alertmanagers: to("http://me:hunter2@am")}, "use basic_auth"},
		"twice":       {NotifierOptions{Logger: logger, Alertmanagers: to("http://am", "http://am")}, "listed twice"},
		"no logger":   {NotifierOptions{}, "Logger is nil"},
		"negative":    {NotifierOptions{Logger: logger, Interval: -1}, "must not be negative"},
		"bad owner":   {NotifierOptions{Logger: logger, SilenceOwner: "a/b"}, "SilenceOwner \"a/b\" must not contain"},
		"bad timeout": {NotifierOptions{Logger: logger, Alertmanagers: []Alertmanager{{URL: "http://am", Timeout: -1}}}, "timeout is negative"},
		"no CA": {NotifierOptions{Logger: logger, Alertmanagers: []Alertmanager{{
			URL: "https://am", HTTP: promconfig.HTTPClientConfig{TLSConfig: promconfig.TLSConfig{CAFile: "/nowhere/ca"}},
		}}}, "prepare HTTP client"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewNotifier(tt.options)
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}
