// Package exposition x.
package exposition
