package backup

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/backup/archive"
	"github.com/wardround/wardround/collectors/backup/tool"
)

// barman reads what Barman says of one server.
type barman struct {
	config Barman
	wal    walClock
}

func newBarman(c Barman) *barman {
	if len(c.Command) == 0 {
		c.Command = []string{"barman"}
	}
	return &barman{config: c}
}

func (p *barman) close() {}

// listed is one backup in the answer to list-backup. Those that failed or are under way have
// neither size nor time.
type listed struct {
	ID     string `json:"backup_id"`
	Status string `json:"status"`
	End    string `json:"end_time_timestamp"`
	Size   int64  `json:"size_bytes"`
}

// shown is the part of the answer to show-backup that list-backup does not have.
type shown struct {
	ID   string `json:"backup_id"`
	Base struct {
		Begin string `json:"begin_time_timestamp"`
	} `json:"base_backup_information"`
	WAL struct {
		Last string `json:"last_available"`
	} `json:"wal_information"`
}

// check is one answer of barman check.
type check struct {
	Status string `json:"status"`
}

func (p *barman) read(ctx context.Context, now time.Time) (Reading, error) {
	text, asOf, err := p.ask(ctx, now)
	if err != nil {
		return Reading{}, err
	}
	said := map[string][]listed{}
	if err := tool.Decode(text, '{', &said); err != nil {
		return Reading{}, fmt.Errorf("read barman list-backup: %w", err)
	}
	list, ok := said[p.config.Server]
	if !ok {
		return Reading{}, collectors.Because(collectors.ReasonMissing, errors.New("barman knows no such server"))
	}
	set, running := barmanSet(list, asOf)
	reading := Reading{Cluster: &set, Running: &running, AsOf: asOf}
	if p.config.File == "" {
		p.detail(ctx, &reading, &set, now)
	}
	return reading, nil
}

func (p *barman) ask(ctx context.Context, now time.Time) ([]byte, time.Time, error) {
	if p.config.File != "" {
		return tool.Answer(p.config.File)
	}
	text, err := tool.Run(ctx, p.command("list-backup", p.config.Server))
	return text, now, err
}

func (p *barman) command(arguments ...string) []string {
	return slices.Concat(p.config.Command, []string{"-f", "json"}, arguments)
}

// barmanID is the moment at which a backup began, in the clock of Barman's machine.
var barmanID = regexp.MustCompile(`^\d{8}T\d{6}$`)

func barmanSet(list []listed, now time.Time) (set Set, running bool) {
	for _, b := range list {
		backup := Backup{Label: b.ID, Type: Full, Size: b.Size}
		if seconds, err := strconv.ParseInt(b.End, 10, 64); err == nil && seconds > 0 {
			backup.Stop = time.Unix(seconds, 0)
		} else if barmanID.MatchString(b.ID) {
			backup.Stop, _ = time.ParseInLocation("20060102T150405", b.ID, now.Location())
		}
		switch b.Status {
		case "DONE":
		case "WAITING_FOR_WALS": // complete but for WAL that is not archived yet
			backup.Fault = archive.Incomplete
		case "FAILED":
			backup.Fault = failed
		default: // EMPTY, STARTED, SYNCING
			running = true
			continue
		}
		if !backup.Stop.IsZero() {
			set.Backups = append(set.Backups, backup)
		}
	}
	slices.SortStableFunc(set.Backups, func(x, y Backup) int { return x.Stop.Compare(y.Stop) })
	return set, running
}

// detail asks for what the list does not say. It is worth having, and no more.
func (p *barman) detail(ctx context.Context, reading *Reading, set *Set, now time.Time) {
	reading.emit = p.checks(ctx, reading)
	text, err := tool.Run(ctx, p.command("show-backup", p.config.Server, "latest"))
	said := map[string]shown{}
	if err == nil {
		err = tool.Decode(text, '{', &said)
	}
	if err != nil {
		reading.Missing = append(reading.Missing, Unavailable{"wal_archived", err})
		return
	}
	show := said[p.config.Server]
	if segmentName.MatchString(show.WAL.Last) {
		set.Archived, set.Latest = p.wal.archivedBy(show.WAL.Last, now)
	}
	i := slices.IndexFunc(set.Backups, func(b Backup) bool { return b.Label == show.ID })
	if seconds, err := strconv.ParseInt(show.Base.Begin, 10, 64); err == nil && i >= 0 {
		set.Backups[i].Start = time.Unix(seconds, 0)
	}
}

var checkName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,60}$`)

// checks asks Barman what it thinks of the server. It ends with an error when a check fails.
func (p *barman) checks(ctx context.Context, reading *Reading) func(*collectors.Builder) {
	text, err := tool.Run(ctx, p.command("check", p.config.Server))
	said := map[string]map[string]check{}
	if len(text) > 0 {
		err = tool.Decode(text, '{', &said)
	}
	if err != nil {
		reading.Missing = append(reading.Missing, Unavailable{"checks", err})
		return nil
	}
	return func(b *collectors.Builder) {
		var wrong []string
		for name, c := range said[p.config.Server] {
			if !checkName.MatchString(name) {
				continue
			}
			ok := 0.0
			if c.Status == "OK" {
				ok = 1
			} else {
				wrong = append(wrong, name)
			}
			b.Set(metricBarmanUp, ok, p.config.Server, name)
		}
		if len(wrong) > 0 {
			slices.Sort(wrong)
			b.Find(collectors.Finding{
				Name: "barman_check_failed", Question: collectors.Protected, Severity: collectors.Warning,
				Text: "Barman finds fault with its server: " + strings.Join(wrong, ", "),
			})
		}
	}
}
