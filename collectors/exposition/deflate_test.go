package exposition

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/klauspost/compress/flate"
	"github.com/stretchr/testify/require"
)

// gzipped makes a whole member of the given texts, one piece each.
func gzipped(texts ...string) []byte {
	member := []byte(gzipHeader)
	var sum checksum
	var scratch []byte
	for _, text := range texts {
		var p piece
		scratch = p.set([]byte(text), scratch)
		member = append(member, p.deflated...)
		sum = sum.then(p.sum)
	}
	return appendGzipEnd(member, sum)
}

// gunzip reads exactly one member and insists on its checksum.
func gunzip(t testing.TB, member []byte) string {
	t.Helper()
	source := bytes.NewReader(member)
	r, err := gzip.NewReader(source)
	require.NoError(t, err)
	r.Multistream(false)
	text, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Zero(t, source.Len(), "bytes are left behind the first member")
	return string(text)
}

func TestDeflateRoundTrip(t *testing.T) {
	cases := map[string]string{
		"empty":                    "",
		"one line":                 "up 1\n",
		"no line feed at the end":  "up 1\nup 1",
		"only line feeds":          "\n\n\n\n",
		"equal lines":              strings.Repeat("up{target=\"main\"} 1\n", 500),
		"labels that differ":       "m{a=\"x\",b=\"y\"} 1\nm{a=\"xx\",b=\"y\"} 1\nm{a=\"z\",b=\"yy\"} 12\n",
		"a label that comes later": "m{a=\"x\"} 1\nm{a=\"x\",b=\"y\"} 1\nm{b=\"y\"} 1\nm 1\n",
		"escaped quotes":           "m{a=\"\\\"x\\\"\"} 1\nm{a=\"\\\"y\\\"\"} 1\n",
		"every byte":               everyByte() + "\n" + everyByte() + "\n",
		"lines beyond the window":  strings.Repeat(strings.Repeat("x", 40000)+"\n", 3),
		"shorter than its end":     "abcdefghijklmnop\nabc\nabcdefghijklmnop\n",
	}
	for n := 250; n < 275; n++ {
		cases[fmt.Sprint("reference of ", n)] = strings.Repeat("a", n) + "b\n" + strings.Repeat("a", n) + "c\n"
	}
	for name, text := range cases {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, text, gunzip(t, gzipped(text)))
			require.Equal(t, text+text, gunzip(t, gzipped(text, text)))
		})
	}
}

func everyByte() string {
	var all [256]byte
	for i := range all {
		all[i] = byte(i)
	}
	return string(all[:])
}

func TestDeflateReachesEveryDistance(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, distance := range []int{1, 2, 3, 4, 5, 8, 9, 16, 17, 255, 256, 257, 4095, 4096, 4097, 24577, 32766, 32767, 32768, 32769} {
		line := make([]byte, distance)
		for i := range line {
			line[i] = "abcdefgh"[random.IntN(8)]
		}
		line[0] = '\n'
		text := strings.Repeat(string(line), 3)
		packed := gzipped(text)
		require.Equal(t, text, gunzip(t, packed), "distance %d", distance)
		if distance >= 16 && distance <= maxDistance {
			require.Less(t, len(packed), len(line)*9/8+len(line)/50+60, "distance %d is not referred to", distance)
		}
	}
}

func TestDeflateMakesLinesSmall(t *testing.T) {
	var text strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&text, "odoo_cron_overdue{target=\"main\",tenant=\"tenant_%04d\",job=\"mail\"} %d\n", i, i%7)
	}
	packed := gzipped(text.String())
	require.Equal(t, text.String(), gunzip(t, packed))
	require.Less(t, len(packed), text.Len()/8)
}

func TestChecksumOfPartsIsThatOfTheWhole(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		var whole []byte
		var sum checksum
		for range random.IntN(6) {
			part := make([]byte, random.IntN(3000)*random.IntN(2))
			for i := range part {
				part[i] = byte(random.Uint32())
			}
			whole = append(whole, part...)
			sum = sum.then(newChecksum(part))
		}
		require.Equal(t, crc32.ChecksumIEEE(whole), sum.crc)
		require.Equal(t, uint64(len(whole)), sum.size)
	}
}

func FuzzDeflate(f *testing.F) {
	f.Add("m{a=\"x\",b=\"y\"} 1\nm{a=\"xx\",b=\"y\"} 2\n", "# HELP m Help\n")
	f.Add("", "\n")
	f.Add("\n\n\"\n\"\"\n", "no line feed")
	f.Add(strings.Repeat("a", 300)+"\n"+strings.Repeat("a", 300), everyByte())
	f.Fuzz(func(t *testing.T, first, second string) {
		if got := gunzip(t, gzipped(first, second)); got != first+second {
			t.Fatalf("%q came back as %q", first+second, got)
		}
	})
}

// BenchmarkDeflate sets this encoder beside the fastest general one, over the text of one family.
func BenchmarkDeflate(b *testing.B) {
	var text bytes.Buffer
	for i := range 1000 {
		fmt.Fprintf(&text, "odoo_cron_jobs_overdue{target=\"main\",tenant=\"tenant_%04d\",region=\"eu-west\",series=\"17.0\"} %d\n", i, i*7919%10000)
	}
	report := func(b *testing.B, packed int) {
		b.SetBytes(int64(text.Len()))
		b.ReportMetric(float64(text.Len())/float64(packed), "times-smaller")
	}
	b.Run("ours", func(b *testing.B) {
		var out []byte
		for b.Loop() {
			out = deflate(out[:0], text.Bytes())
		}
		report(b, len(out))
	})
	b.Run("klauspost_1", func(b *testing.B) {
		var out bytes.Buffer
		w, err := flate.NewWriter(&out, flate.BestSpeed)
		require.NoError(b, err)
		for b.Loop() {
			out.Reset()
			w.Reset(&out)
			_, err = w.Write(text.Bytes())
			require.NoError(b, err)
			require.NoError(b, w.Flush())
		}
		report(b, out.Len())
	})
}
