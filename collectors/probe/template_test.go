package probe

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFilledIn(t *testing.T) {
	v := values{"host": "a.example:8", "tenant": "n/x y&z", "v": "a\"b\\c\r\nd&e=f"}
	require.Equal(t, "http://a.example:8/n%2Fx+y%26z", v.url("http://{host}/{tenant}"))
	require.Equal(t, "x=a%22b%5Cc%0D%0Ad%26e%3Df", v.body("x={v}", "application/x-www-form-urlencoded; charset=utf-8"))
	require.JSONEq(t, `{"x": "a\"b\\c\r\nd\u0026e=f"}`, v.body(`{"x": "{v}"}`, "Application/JSON"))
	require.Equal(t, v["v"], v.body("{v}", "text/plain"))
	require.Equal(t, "{} {X} {}", v.header("{} {X} {}"))
}

func FuzzFill(f *testing.F) {
	f.Add("http://{host}/x?y={v}", "a&b=c#d")
	f.Add("https://{host}/{v}/../", "../..\r\nHost: x")
	f.Fuzz(func(t *testing.T, template, value string) {
		known := values{"host": "h.example", "v": value}
		plain, err := url.Parse(known.url(strings.ReplaceAll(template, "{v}", "v")))
		if err != nil || strings.Contains(plain.Host, "{") {
			return
		}
		filled, err := url.Parse(known.url(template))
		require.NoError(t, err, "a value cannot break a URL")
		if !strings.Contains(plain.Host, "v") && plain.User == nil {
			require.Equal(t, plain.Host, filled.Host, "nor lead elsewhere")
		}
		require.Equal(t, strings.Count(plain.Path, "/"), strings.Count(filled.EscapedPath(), "/"))
	})
}
