package promsource

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
)

// stream is one series of an answer.
type stream struct {
	Metric map[string]string `json:"metric"`
	Values points            `json:"values"`
}

// point is one raw sample.
type point struct {
	at    int64 // Unix milliseconds
	value float64
}

// points are raw samples, which an answer writes as [[1700000000.123,"42"],…].
type points []point

var (
	errTooLong = errors.New("the answer is longer than max_samples allows")
	errShape   = errors.New("not what Prometheus answers")
)

// UnmarshalJSON is json.Unmarshaler's. It is most of the work of reading an
// answer, so it goes over the text itself, which is valid JSON.
func (p *points) UnmarshalJSON(text []byte) error {
	*p = make(points, 0, bytes.Count(text, []byte{'"'})/2)
	for text = bytes.TrimLeft(text, "[ \n\t"); len(text) > 1; text = bytes.TrimLeft(text, "], \n\t[") {
		at, rest, comma := bytes.Cut(text, []byte{','})
		_, rest, opened := bytes.Cut(rest, []byte{'"'})
		value, rest, closed := bytes.Cut(rest, []byte{'"'})
		if !comma || !opened || !closed {
			return fmt.Errorf("%w: a sample is [time, \"value\"]", errShape)
		}
		seconds, err := strconv.ParseFloat(string(bytes.TrimSpace(at)), 64)
		if err != nil {
			return fmt.Errorf("%w: a sample's time: %w", errShape, err)
		}
		number, err := strconv.ParseFloat(string(value), 64)
		if err != nil {
			return fmt.Errorf("%w: a sample's value: %w", errShape, err)
		}
		*p = append(*p, point{int64(math.Round(seconds * 1000)), number})
		text = rest
	}
	return nil
}

// answer is what an API says to a query. Its series are shown to each as they
// come and are not kept.
type answer struct {
	Status     string
	Error      string
	Warnings   []string
	IsPartial  bool // VictoriaMetrics' word
	resultType string

	each func(stream) error
}

// read reads an answer of any length to its very end, so that its connection can
// be used again.
func (a *answer) read(from io.Reader) error {
	d := json.NewDecoder(from)
	err := object(d, func(name string) error {
		switch name {
		case "status":
			return d.Decode(&a.Status)
		case "error":
			return d.Decode(&a.Error)
		case "warnings":
			return d.Decode(&a.Warnings)
		case "isPartial":
			return d.Decode(&a.IsPartial)
		case "data":
			return object(d, func(name string) error { return a.data(d, name) })
		}
		return skip(d)
	})
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, from)
	return err
}

func (a *answer) data(d *json.Decoder, name string) error {
	switch name {
	case "resultType":
		return d.Decode(&a.resultType)
	case "result":
		return a.result(d)
	}
	return skip(d)
}

func (a *answer) result(d *json.Decoder) error {
	token, err := d.Token()
	if err != nil || token == nil { // null is nothing
		return err
	}
	if token != json.Delim('[') {
		return fmt.Errorf("%w: a result of %v", errShape, token)
	}
	for d.More() {
		var one stream
		if err := d.Decode(&one); err != nil {
			return err
		}
		if err := a.each(one); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

// object reads an object; field reads the value of the name it is given.
func object(d *json.Decoder, field func(name string) error) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	if token != json.Delim('{') {
		return fmt.Errorf("%w: %v instead of an object", errShape, token)
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		if err := field(fmt.Sprint(name)); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

func skip(d *json.Decoder) error {
	var ignored json.RawMessage
	return d.Decode(&ignored)
}

// bounded ends an answer that is too long to be held.
type bounded struct {
	io.Reader
	left int64
}

// Read is io.Reader's.
func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n, errTooLong
	}
	return n, err
}
