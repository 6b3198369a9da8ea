package evidence

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// MaxLine is how many bytes a line may have, its end included.
const MaxLine = 64 << 10

// Event is something to be recorded.
type Event struct {
	At time.Time
	// Kind is one of the constants, or another package's own.
	Kind string
	// Who decided or saw it: Self, or the name of a member of staff or a token.
	Who string
	// Payload is marshalled into a JSON object; nil is an empty one.
	Payload any
}

// Entry is one line of the record. Its JSON is the line itself, with its keys in
// this order.
type Entry struct {
	// Seq counts from 1 without gaps.
	Seq    uint64          `json:"seq"`
	At     time.Time       `json:"at"`
	Kind   string          `json:"kind"`
	Who    string          `json:"who"`
	Fields json.RawMessage `json:"fields"`
	// Prev is the hash of the line before, zeros in the first one.
	Prev Hash `json:"prev"`
	// Hash is the line's own; in JSON it is missing while it is not known yet.
	Hash Hash `json:"hash,omitzero"`
}

// Hash is a SHA-256, written as 64 hexadecimal digits.
type Hash [sha256.Size]byte

// String is the hash in small hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText writes the hash as String does.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads what String writes.
func (h *Hash) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(h)) {
		return errors.New("a hash has 64 hexadecimal digits")
	}
	_, err := hex.Decode(h[:], text)
	return err
}

// Head is the end of a chain. Whoever keeps one elsewhere can prove later that
// everything up to it is still there, unchanged.
type Head struct {
	// Seq is the last line's; 0 where there is none.
	Seq  uint64 `json:"seq"`
	Hash Hash   `json:"hash"`
}

// String is the head as ParseHead reads it, seq:hash.
func (h Head) String() string { return strconv.FormatUint(h.Seq, 10) + ":" + h.Hash.String() }

// ParseHead reads what Head.String writes.
func ParseHead(text string) (Head, error) {
	seq, hash, _ := strings.Cut(text, ":")
	var h Head
	var err error
	if h.Seq, err = strconv.ParseUint(seq, 10, 64); err == nil {
		err = h.Hash.UnmarshalText([]byte(hash))
	}
	if err != nil {
		return Head{}, fmt.Errorf("%q is not the head of a chain; write it as it was printed, number:hash", text)
	}
	return h, nil
}

// A line ends with its own hash, between these.
const (
	hashKey = `,"hash":"`
	lineEnd = "\"}\n"
	tail    = len(hashKey) + 2*sha256.Size + len(lineEnd)
)

// line is the event as the line after head, with the head that it makes.
func (e Event) line(after Head) ([]byte, Head, error) {
	if !isKind(e.Kind) {
		return nil, after, fmt.Errorf("%q is not a kind of evidence; write small letters and underscores", e.Kind)
	}
	fields, err := e.fields()
	if err != nil {
		return nil, after, fmt.Errorf("encode evidence of %s: %w", e.Kind, err)
	}
	body, err := json.Marshal(Entry{Seq: after.Seq + 1, At: e.At.UTC(), Kind: e.Kind, Who: e.Who, Fields: fields, Prev: after.Hash})
	if err != nil {
		return nil, after, fmt.Errorf("encode evidence of %s: %w", e.Kind, err)
	}
	body = body[:len(body)-1] // the brace comes after the hash
	if len(body)+tail > MaxLine {
		return nil, after, fmt.Errorf("evidence of %s has %d bytes; a line may have %d", e.Kind, len(body)+tail, MaxLine)
	}
	head := Head{after.Seq + 1, sha256.Sum256(body)}
	return append(append(append(body, hashKey...), head.Hash.String()...), lineEnd...), head, nil
}

// fields is the payload as a JSON object.
func (e Event) fields() (json.RawMessage, error) {
	if e.Payload == nil {
		return json.RawMessage("{}"), nil
	}
	fields, err := json.Marshal(e.Payload)
	if err == nil && fields[0] != '{' {
		err = errors.New("the payload is not an object; hand over a struct or a map")
	}
	return fields, err
}

func isKind(kind string) bool {
	return kind != "" && strings.Trim(kind, "abcdefghijklmnopqrstuvwxyz_") == ""
}

// errLine is a line that no writer wrote.
var errLine = errors.New("not a line of evidence")

// sound reads a line with its end and checks it against its own hash.
func sound(line []byte) (Entry, error) {
	e, err := parse(line)
	if err != nil {
		return e, err
	}
	body := line[:len(line)-tail]
	if sha256.Sum256(body) != e.Hash || !bytes.Equal(line[len(body):], []byte(hashKey+e.Hash.String()+lineEnd)) {
		return e, errors.New("its content does not fit its hash")
	}
	return e, nil
}

// parse reads a line with its end, and believes it.
func parse(line []byte) (Entry, error) {
	var e Entry
	if len(line) <= tail {
		return e, errLine
	}
	if err := json.Unmarshal(line, &e); err != nil {
		return e, errLine
	}
	return e, nil
}
