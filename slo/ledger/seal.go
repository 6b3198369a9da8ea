package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"go.etcd.io/bbolt"
)

// A value on disk is its body and a seal:
//
//	body, number of the transaction that wrote it (8 bytes), CRC-32C (4 bytes)
//
// The checksum is over the bucket's name, the key, the body and the number, so
// that a value found on a page without a way to it still says what it is and
// which of two is the later one.
const (
	sealTx   = 8
	sealSize = sealTx + 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errSeal is a value that does not match its seal.
var errSeal = errors.New("it does not match its checksum")

func checksum(bucket, key, sealed []byte) uint32 {
	sum := crc32.Update(0, castagnoli, bucket)
	sum = crc32.Update(sum, castagnoli, key)
	return crc32.Update(sum, castagnoli, sealed)
}

// seal makes the value of a body.
func seal(bucket, key, body []byte, tx int) []byte {
	v := append(make([]byte, 0, len(body)+sealSize), body...)
	v = binary.BigEndian.AppendUint64(v, uint64(max(0, tx)))
	return binary.BigEndian.AppendUint32(v, checksum(bucket, key, v))
}

// unseal is the body of a value, with the transaction that wrote it.
func unseal(bucket, key, value []byte) (body []byte, tx uint64, err error) {
	n := len(value) - sealSize
	if n < 0 || binary.BigEndian.Uint32(value[n+sealTx:]) != checksum(bucket, key, value[:n+sealTx]) {
		return nil, 0, errSeal
	}
	return value[:n:n], binary.BigEndian.Uint64(value[n:]), nil
}

// get is what a key holds, nil where it holds nothing. It is valid until the
// transaction ends.
func get(tx *bbolt.Tx, bucket, key []byte) ([]byte, error) {
	b := tx.Bucket(bucket)
	if b == nil {
		return nil, damaged(fmt.Errorf("there is no bucket %q", bucket))
	}
	value := b.Get(key)
	if value == nil {
		return nil, nil
	}
	body, _, err := unseal(bucket, key, value)
	return body, err
}

func put(tx *bbolt.Tx, bucket, key, body []byte) error {
	return tx.Bucket(bucket).Put(key, seal(bucket, key, body, tx.ID()))
}

// each hands out all values of a bucket in the order of their keys; err is that
// of the seal.
func each(tx *bbolt.Tx, bucket []byte, visit func(key, body []byte, err error) error) error {
	b := tx.Bucket(bucket)
	if b == nil {
		return damaged(fmt.Errorf("there is no bucket %q", bucket))
	}
	return b.ForEach(func(k, v []byte) error {
		body, _, err := unseal(bucket, k, v)
		return visit(k, body, err)
	})
}
