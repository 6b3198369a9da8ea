package web

import (
	"encoding/base64"
	"net/http"
	"sort"
	"strings"
	"time"

	"github.com/wardround/wardround/slo"
)

// Page is what every list says beside its items.
type Page struct {
	EvaluatedAt *time.Time `json:"evaluated_at"` // the minute that the numbers are as of
	Total       int        `json:"total"`        // items that fit the filter, on all pages
	NextCursor  *string    `json:"next_cursor"`  // null on the last page
}

// list is a kind of items that stand in an order of their own. Pages are cut at keys, not at
// numbers of items, so that whoever turns them misses nothing and sees nothing twice while others
// come and go.
type list[T any] struct {
	name string          // keeps cursors of one list from being used with another
	key  func(*T) string // what a cursor remembers of a page's last item
	// after makes of a key the question whether an item stands behind the one that has, or had, it.
	after func(key string) (func(*T) bool, error)
}

// byKey is a list in the order of its keys.
func byKey[T any](name string, key func(*T) string) list[T] {
	return list[T]{name, key, func(last string) (func(*T) bool, error) {
		return func(item *T) bool { return key(item) > last }, nil
	}}
}

// byInstance is a list in the order of instances, of which it has one item each.
func byInstance[T any](name string, instance func(*T) slo.Instance) list[T] {
	key := func(item *T) string { return instance(item).String() }
	return list[T]{name, key, func(last string) (func(*T) bool, error) {
		i, err := slo.ParseInstance(last)
		return func(item *T) bool { return instance(item).Compare(i) > 0 }, err
	}}
}

// paging is which page is asked for.
type paging struct {
	limit  int
	cursor string
}

func (p *parameters) paging() paging { return paging{p.limit(), p.text("cursor")} }

// cut makes the page of those items that fit; nil fits all. It hands out the items themselves.
func (l list[T]) cut(all []T, want paging, fits func(*T) bool) (items []*T, page Page, err error) {
	start, err := l.start(all, want.cursor)
	if err != nil {
		return nil, page, err
	}
	items = make([]*T, 0, min(want.limit, len(all)-start))
	for i := range all {
		if fits != nil && !fits(&all[i]) {
			continue
		}
		page.Total++
		switch {
		case i < start || page.NextCursor != nil:
		case len(items) < want.limit:
			items = append(items, &all[i])
		default:
			next := l.cursor(items[want.limit-1])
			page.NextCursor = &next
		}
	}
	return items, page, nil
}

// cursor names the place behind an item.
func (l list[T]) cursor(last *T) string {
	return base64.RawURLEncoding.EncodeToString([]byte(l.name + "\n" + l.key(last)))
}

// start is where the page behind a cursor begins.
func (l list[T]) start(all []T, cursor string) (int, error) {
	if cursor == "" {
		return 0, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	name, key, found := strings.Cut(string(text), "\n")
	if err != nil || !found || name != l.name {
		return 0, strangeCursor()
	}
	after, err := l.after(key)
	if err != nil {
		return 0, strangeCursor()
	}
	return sort.Search(len(all), func(i int) bool { return after(&all[i]) }), nil
}

func strangeCursor() *Fault {
	return &Fault{
		Status: http.StatusBadRequest, Code: "bad_parameter", Parameter: "cursor",
		Problem: "this list gave no such cursor", Advice: "give next_cursor of the page before, or leave it out to begin anew",
	}
}
