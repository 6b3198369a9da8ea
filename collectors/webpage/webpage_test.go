package webpage

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/wardround/wardround/collectors"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func text(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}

// packed answers with a page that is small on the wire only.
func packed(body string) http.HandlerFunc {
	var small bytes.Buffer
	w := gzip.NewWriter(&small)
	_, _ = io.WriteString(w, body)
	_ = w.Close()
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(small.Bytes())
	}
}

func TestFetch(t *testing.T) {
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		reason  collectors.Reason
	}{
		"whole":               {text("x 1\n"), ""},
		"empty":               {text(""), ""},
		"as large as may be":  {text(strings.Repeat("x", 999) + "\n"), ""},
		"too large":           {text(strings.Repeat("x", 1000) + "\n"), collectors.ReasonProtocol},
		"too large, unpacked": {packed(strings.Repeat("x", 100_000) + "\n"), collectors.ReasonProtocol},
		"cut":                 {text("x 1\ny 12"), collectors.ReasonProtocol},
		"no text":             {text("x 1\n\x00y 1\n"), collectors.ReasonProtocol},
		"denied":              {status(http.StatusForbidden), collectors.ReasonPermission},
		"unknown user":        {status(http.StatusUnauthorized), collectors.ReasonAuth},
		"not there":           {status(http.StatusNotFound), collectors.ReasonMissing},
		"broken":              {status(http.StatusInternalServerError), collectors.ReasonProtocol},
		"cut on the wire": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "x 1\n")
		}, collectors.ReasonUnreachable},
		"hanging": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, collectors.ReasonTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(c.handler)
			defer server.Close()
			client := server.Client()
			defer client.CloseIdleConnections()
			one, err := New(server.URL+"/metrics?token=CANARY", client, 300*time.Millisecond, 1000)
			require.NoError(t, err)
			require.Equal(t, strings.TrimPrefix(server.URL, "http://")+"/metrics", one.Name)
			_, _, err = one.Fetch(t.Context())
			if c.reason == "" {
				require.NoError(t, err)
				return
			}
			require.Error(t, err)
			require.Equal(t, c.reason, collectors.ReasonOf(err), "%v", err)
			require.NotContains(t, err.Error(), "CANARY")
		})
	}
}

func TestCheck(t *testing.T) {
	for says, addresses := range map[string][]string{
		"":                                {"http://a:9187/metrics", "https://a:9187/metrics2"},
		"urls: is empty":                  nil,
		"urls[0]: must be":                {"ftp://a"},
		"urls[1]: has credentials":        {"http://a", "http://u:CANARY@b"},
		"urls[1]: is there twice":         {"http://a/x?CANARY", "https://a/x"},
		"urls[0]: must be http:// or htt": {"http://%zz"},
	} {
		err := Check("urls", addresses)
		if says == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), "CANARY")
	}
}
