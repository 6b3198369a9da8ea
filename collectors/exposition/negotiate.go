package exposition

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/prometheus/common/expfmt"
)

// form is one of the ways in which a page can be served.
type form struct {
	openMetrics bool
	gzip        bool
}

// negotiate finds what the client wants among what there is: text 0.0.4, which is also for those
// who do not say, and OpenMetrics 1.0.0 and 0.0.1; as it is, or with gzip.
func negotiate(h http.Header) (form, expfmt.Format) {
	format := expfmt.NegotiateAccept(h, expfmt.FmtText, expfmt.FmtOpenMetrics_1_0_0, expfmt.FmtOpenMetrics_0_0_1)
	return form{
		openMetrics: format.FormatType() == expfmt.TypeOpenMetrics,
		gzip:        acceptsGzip(strings.Join(h.Values("Accept-Encoding"), ",")),
	}, format
}

// acceptsGzip reads Accept-Encoding (RFC 9110 §12.5.3): what is named counts more than *, and a
// weight of zero means never.
func acceptsGzip(header string) bool {
	anything := false
	for element := range strings.SplitSeq(header, ",") {
		coding, parameters, _ := strings.Cut(element, ";")
		switch strings.ToLower(strings.TrimSpace(coding)) {
		case "gzip":
			return hasWeight(parameters)
		case "*":
			anything = hasWeight(parameters)
		}
	}
	return anything
}

func hasWeight(parameters string) bool {
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
		if strings.EqualFold(name, "q") {
			weight, err := strconv.ParseFloat(value, 64)
			return err == nil && weight > 0
		}
	}
	return true
}
