package ledger

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"os"
	"slices"
	"syscall"
	"time"

	"go.etcd.io/bbolt"

	"github.com/wardround/wardround/slo"
)

// Recovery says how a damaged file was mended.
type Recovery struct {
	// Cause is what was wrong with it.
	Cause string
	// Kept is the path of the damaged file, as it was.
	Kept string
	// Minutes is how many were brought over, Lost how many were not; -1 where the
	// file no longer says how many there were.
	Minutes, Lost int64
	// Unnamed is how many instances lost their names; their rows are kept.
	Unnamed int64
}

// mending runs what reads and writes the file. If it finds the file damaged, the
// file is mended and it runs again.
func (l *Ledger) mending(do func() error) error {
	err := do()
	if !l.mendable(err) {
		return err
	}
	if err := l.mend(err); err != nil {
		return err
	}
	return do()
}

// reading is mending for what holds the lock for reading, which is let go while
// the file is mended.
func (l *Ledger) reading(read func() error) error {
	err := read()
	if !l.mendable(err) {
		return err
	}
	broken := l.db
	l.mu.RUnlock()
	l.mu.Lock()
	if l.db == broken {
		err = l.mend(err)
	} else { // somebody else was first
		err = nil
	}
	l.mu.Unlock()
	l.mu.RLock()
	if err != nil {
		return err
	}
	return read()
}

func (l *Ledger) mendable(err error) bool {
	var broken *damageError
	return errors.As(err, &broken) && !l.opts.ReadOnly
}

// mend mends the file while the ledger is in use. What waits to be written goes
// on waiting.
func (l *Ledger) mend(cause error) error {
	for _, v := range l.views {
		v.reset()
	}
	if err := guarded(l.db.Close); err != nil {
		return errors.Join(cause, err)
	}
	found, err := mend(l.path, cause, l.opts)
	if err != nil {
		return err
	}
	if l.db, err = openBolt(l.path, false); err != nil {
		return fmt.Errorf("open the mended ledger: %w", err)
	}
	l.recovery, l.rowCount = found, found.Minutes
	err = l.update(&l.rowCount, func(tx *bbolt.Tx) error {
		for id, r := range l.records { // of which the file may have lost some
			if err := putJSON(tx, instancesBucket, key(uint32(id)), r); err != nil {
				return err
			}
		}
		for name, text := range l.measures {
			if err := put(tx, objectivesBucket, []byte(name), []byte(text)); err != nil {
				return err
			}
		}
		return putJSON(tx, metaBucket, absencesKey, l.absent)
	})
	return errors.Join(err, l.advance())
}

// mend replaces the file at path by one with all values that match their seals,
// wherever in the file they are, and keeps the old one.
func mend(path string, cause error, opts Options) (*Recovery, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, errors.Join(cause, err)
	}
	defer file.Close()
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, fmt.Errorf("mend ledger %s: %w", path, errInUse)
	}
	kept, err := keep(path, "damaged")
	if err != nil {
		return nil, errors.Join(cause, err)
	}
	found := &Recovery{Cause: cause.Error(), Kept: kept, Lost: -1}
	if err := rebuild(path, func(b *builder) error { return found.fill(b, file, opts.Retention, readNames(namesPath(path))) }); err != nil {
		return nil, fmt.Errorf("mend ledger %s: %w", path, errors.Join(cause, err))
	}
	opts.Logger.Error("the ledger was damaged; what could be read was brought into a new file",
		"cause", found.Cause, "kept", kept, "minutes", found.Minutes, "lost_minutes", found.Lost, "lost_names", found.Unnamed)
	return found, nil
}

// fill copies the newest version of each value. The sums of hours are made anew
// where their minutes are kept.
func (r *Recovery) fill(b *builder, file *os.File, retention time.Duration, names []record) error {
	s := scan{file: file, newest: map[string]map[string]found{}}
	if err := s.pages(); err != nil {
		return err
	}
	minutes, hours := s.newest[string(minutesBucket)], s.newest[string(hoursBucket)]
	was, err := s.state()
	if err != nil {
		return err
	}
	b.state = state{End: was.End, Filled: was.Filled, Skipped: was.Skipped, Doubt: was.Doubt}
	kept := was.End - was.Skipped - int64(retention/time.Minute)
	maps.DeleteFunc(minutes, func(k string, _ found) bool { return number([]byte(k)) < kept }) // freed, not lost
	maps.DeleteFunc(hours, func(k string, _ found) bool { return number([]byte(k))*hour >= kept })
	for _, name := range [][]byte{objectivesBucket, periodsBucket, instancesBucket, hoursBucket} {
		if err := s.copy(b, name); err != nil {
			return err
		}
	}
	if err := s.each(metaBucket, func(k, body []byte) error {
		if string(k) == string(stateKey) {
			return nil
		}
		return b.put(metaBucket, k, body)
	}); err != nil {
		return err
	}
	ids, err := s.copyMinutes(b, kept)
	if err != nil {
		return err
	}
	if r.Unnamed, err = s.nameAll(b, ids, names); err != nil {
		return err
	}
	if r.Minutes = int64(len(minutes)); was.Minutes > 0 {
		r.Lost = max(0, was.Minutes-r.Minutes)
	}
	return nil
}

// found is where a value is in the file.
type found struct {
	at   int64
	size int
	tx   uint64
}

// scan finds sealed values on the leaf pages of a file, whether or not a way
// leads to them. The layout is that of bbolt, version 2:
//
//	page: id (8 bytes), flags (2), count (2), pages that follow (4), elements
//	leaf element: flags (4), offset from the element (4), key size (4), value size (4)
//	bucket's value: root page (8), sequence (8), and if the root is 0 a page
//	head, the first two pages: magic (4), version (4), page size (4), flags (4), root (16), freelist (8), pages (8), transaction (8), checksum (8)
type scan struct {
	file   *os.File
	newest map[string]map[string]found // by bucket and key
	head   uint64                      // the last transaction, if a head is whole
}

const (
	pageHeader  = 16
	leafElement = 16
	bucketHead  = 16
	leafPage    = 2
	bucketFlag  = 1
	headSize    = 56 // up to its checksum
	headTx      = 48
	// maxPages is more than the largest row takes: a page that claims more is
	// damaged.
	maxPages = 1 << 14
)

func (s *scan) pages() error {
	info, err := s.file.Stat()
	if err != nil {
		return err
	}
	size := int64(os.Getpagesize())
	head := make([]byte, pageHeader)
	s.heads(size)
	for at := int64(0); at+size <= info.Size(); at += size {
		if _, err := s.file.ReadAt(head, at); err != nil {
			return fmt.Errorf("read page %d: %w", at/size, err)
		}
		more := int64(binary.NativeEndian.Uint32(head[12:]))
		if binary.NativeEndian.Uint64(head) != uint64(at/size) || binary.NativeEndian.Uint16(head[8:]) != leafPage || more > maxPages {
			continue
		}
		page := make([]byte, min((more+1)*size, info.Size()-at))
		if _, err := s.file.ReadAt(page, at); err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read page %d: %w", at/size, err)
		}
		s.leaf(page, at, nil)
	}
	return nil
}

// heads reads which transaction was the last one.
func (s *scan) heads(pageSize int64) {
	head := make([]byte, headSize+8)
	for n := range int64(2) {
		sum := fnv.New64a()
		if _, err := s.file.ReadAt(head, n*pageSize+pageHeader); err != nil {
			continue // it is not whole
		}
		sum.Write(head[:headSize])
		if binary.NativeEndian.Uint64(head[headSize:]) == sum.Sum64() {
			s.head = max(s.head, binary.NativeEndian.Uint64(head[headTx:]))
		}
	}
}

// leaf takes in the values of a page. Those of a page within a bucket's value
// are of that bucket; of others the seal must say.
func (s *scan) leaf(page []byte, at int64, bucket []byte) {
	names := buckets()
	if bucket != nil {
		names = [][]byte{bucket}
	}
	for n := range int(binary.NativeEndian.Uint16(page[10:])) {
		element := pageHeader + n*leafElement
		if element+leafElement > len(page) {
			return
		}
		word := func(k int) int { return int(binary.NativeEndian.Uint32(page[element+4*k:])) }
		from := element + word(1)
		to := from + word(2)
		end := to + word(3)
		if from > to || to > end || end > len(page) {
			continue
		}
		k, v := page[from:to], page[to:end]
		if word(0)&bucketFlag != 0 && len(v) > bucketHead+pageHeader && binary.NativeEndian.Uint64(v) == 0 {
			s.leaf(v[bucketHead:], at+int64(to+bucketHead), k)
			continue
		}
		for _, name := range names {
			s.value(name, k, v, at+int64(to))
		}
	}
}

func (s *scan) value(bucket, key, value []byte, at int64) {
	body, tx, err := unseal(bucket, key, value)
	if err != nil {
		return
	}
	all := s.newest[string(bucket)]
	if all == nil {
		all = map[string]found{}
		s.newest[string(bucket)] = all
	}
	if old, known := all[string(key)]; !known || tx > old.tx {
		all[string(key)] = found{at, len(body), tx}
	}
}

func (s *scan) read(f found) ([]byte, error) {
	body := make([]byte, f.size)
	if _, err := s.file.ReadAt(body, f.at); err != nil {
		return nil, fmt.Errorf("read at %d: %w", f.at, err)
	}
	return body, nil
}

// copy brings a bucket's values into a new file, in the order of their keys.
func (s *scan) copy(b *builder, bucket []byte) error {
	return s.each(bucket, func(k, body []byte) error { return b.put(bucket, k, body) })
}

func (s *scan) each(bucket []byte, visit func(key, body []byte) error) error {
	all := s.newest[string(bucket)]
	for _, k := range slices.Sorted(maps.Keys(all)) {
		body, err := s.read(all[k])
		if err != nil {
			return err
		}
		if err := visit([]byte(k), body); err != nil {
			return err
		}
	}
	return nil
}

// copyMinutes brings the minutes over, and sums up the hours of which all are
// kept. It answers how many ids there are in them.
func (s *scan) copyMinutes(b *builder, kept int64) (ids int64, err error) {
	h := hourSums{from: kept, of: -1}
	err = s.each(minutesBucket, func(k, body []byte) error {
		if err := h.add(b, number(k), body); err != nil {
			return err
		}
		return b.put(minutesBucket, k, body)
	})
	if err == nil {
		err = h.write(b)
	}
	return int64(len(h.total)), err
}

// nameAll completes the instances: where a record is lost, by its second copy,
// and where that is lost too, by a name that is of no use but to those whose
// numbers come after.
func (s *scan) nameAll(b *builder, ids int64, names []record) (unnamed int64, err error) {
	found := s.newest[string(instancesBucket)]
	for k := range found {
		ids = max(ids, number([]byte(k))+1)
	}
	for id := range ids {
		if _, known := found[string(key(id))]; known {
			continue
		}
		r := record{Instance: slo.NewInstance("lost", slo.Label{Name: "id", Value: fmt.Sprint(id)}), Until: 1}
		if id < int64(len(names)) {
			r = names[id]
		} else {
			unnamed++
		}
		if err := putJSON(b.tx, instancesBucket, key(id), r); err != nil {
			return unnamed, err
		}
	}
	return unnamed, nil
}

// state is what the file last said of itself. If anything in it is later than
// that, it says of no Minutes: some that came later may be lost.
func (s *scan) state() (was state, err error) {
	f, stated := s.newest[string(metaBucket)][string(stateKey)]
	if stated {
		body, err := s.read(f)
		if err != nil {
			return was, err
		}
		if err := json.Unmarshal(body, &was); err != nil {
			return was, err
		}
	}
	last := s.head
	for _, all := range s.newest {
		for _, value := range all {
			last = max(last, value.tx)
		}
	}
	if !stated || f.tx < last {
		was.Minutes = 0
	}
	for k, row := range s.newest[string(minutesBucket)] {
		if row.tx > f.tx {
			was.End = max(was.End, number([]byte(k))+1)
		}
	}
	return was, nil
}
