package traefik

import (
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// other stands for what is no technical name, or not one of a known few.
const other = "other"

var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,149}$`)

func isName(text string) bool { return nameForm.MatchString(text) }

// technical is a name of the operator's own: of an entry point, a router, a service.
func technical(text string) string {
	if !isName(text) {
		return other
	}
	return text
}

// code is an HTTP status that there is, 0 of what was no request any more, and nginx's 499 of clients
// that went away.
func code(text string) string {
	n, err := strconv.Atoi(text)
	if err != nil || http.StatusText(n) == "" && n != 0 && n != statusGone {
		return other
	}
	return strconv.Itoa(n)
}

const statusGone = 499

// class is what a code begins with, as 2xx.
func class(code string) string {
	if len(code) != 3 {
		return other
	}
	return code[:1] + "xx"
}

func method(text string) string {
	switch text {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return text
	}
	return other
}

func protocol(text string) string {
	switch text {
	case "http", "websocket", "sse", "TCP", "UDP":
		return text
	}
	return other
}

// lasting says whether what is spoken lasts as long as a page is open, and is no request.
func lasting(protocol string) bool { return protocol == "websocket" || protocol == "sse" }

// server is a server's address without what may be secret: user, path and query.
func server(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || !isName(u.Host) {
		return other
	}
	return technical(u.Scheme + "://" + u.Host)
}

var hostForm = regexp.MustCompile(`^(\*\.)?[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})+$`)

// host is a host's name, "" for anything else that a certificate may be about.
func host(text string) string {
	if len(text) > mostHosts || !hostForm.MatchString(text) {
		return ""
	}
	return strings.ToLower(text)
}

// mostHosts is how long a list of hosts may be, in bytes.
const mostHosts = 190

// hosts are those of a list that are hosts' names, as many as there is room for.
func hosts(list string) string {
	var kept []string
	room := mostHosts
	for text := range strings.SplitSeq(list, ",") {
		name := host(strings.TrimSpace(text))
		if name == "" || len(name) >= room {
			continue
		}
		kept = append(kept, name)
		room -= len(name) + 1
	}
	return strings.Join(kept, ",")
}
