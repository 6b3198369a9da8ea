package backup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wardround/wardround/collectors"
	"github.com/wardround/wardround/collectors/backup/tool"
)

// pgBackRest reads one repository of one stanza.
type pgBackRest struct {
	config PgBackRest
	wal    walClock

	listed      string // backup whose databases are known
	databases   []string
	clusterSize int64 // bytes of the cluster in the newest backup
}

func newPgBackRest(c PgBackRest) *pgBackRest {
	c.Repo = cmp.Or(c.Repo, 1)
	if len(c.Command) == 0 {
		c.Command = []string{"pgbackrest"}
	}
	return &pgBackRest{config: c}
}

func (p *pgBackRest) close() {}

// stanza is what `pgbackrest info --output=json` says of one. Its shape is the same in 2.30 and
// later; the databases are there only where one backup was asked for by its label.
type stanza struct {
	Name   string `json:"name"`
	Status struct {
		Code int `json:"code"`
		Lock struct {
			Backup struct {
				Held     bool   `json:"held"`
				Complete *int64 `json:"size-cplt"`
				Size     *int64 `json:"size"`
			} `json:"backup"`
		} `json:"lock"`
	} `json:"status"`
	Repos []struct {
		Key    int    `json:"key"`
		Cipher string `json:"cipher"`
		Status struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
		} `json:"status"`
	} `json:"repo"`
	Databases []struct {
		ID      int    `json:"id"`
		Repo    int    `json:"repo-key"`
		Version string `json:"version"`
	} `json:"db"`
	Archive []struct {
		Database database `json:"database"`
		ID       string   `json:"id"`
		Max      string   `json:"max"`
	} `json:"archive"`
	Backups []stanzaBackup `json:"backup"`
}

type database struct {
	ID   int `json:"id"`
	Repo int `json:"repo-key"`
}

type stanzaBackup struct {
	Label    string   `json:"label"`
	Type     string   `json:"type"`
	Error    bool     `json:"error"`
	Database database `json:"database"`
	Refs     []string `json:"reference"`
	Info     struct {
		Size       int64 `json:"size"`
		Delta      int64 `json:"delta"`
		Repository struct {
			Size  int64 `json:"size"`
			Delta int64 `json:"delta"`
		} `json:"repository"`
	} `json:"info"`
	Time struct {
		Start int64 `json:"start"`
		Stop  int64 `json:"stop"`
	} `json:"timestamp"`
	DatabaseRef []struct {
		Name string `json:"name"`
	} `json:"database-ref"`
}

// Codes of the status of a repository.
const (
	stanzaMissing   = 1
	stanzaNoBackup  = 2
	stanzaWrongData = 3 // no or another data path
	stanzaOther     = 99
)

func (p *pgBackRest) read(ctx context.Context, now time.Time) (Reading, error) {
	text, asOf, err := p.ask(ctx, now)
	if err != nil {
		return Reading{}, err
	}
	said, err := p.find(text)
	if err != nil {
		return Reading{}, err
	}
	cipher, err := said.repo(p.config.Repo)
	if err != nil {
		return Reading{}, err
	}
	set, newest := said.set(p.config.Repo)
	if b, ok := said.newest(p.config.Repo); ok {
		p.clusterSize = b.Info.Size
	}
	encrypted := cipher != "none"
	set.Encrypted = &encrypted
	segment, folder := said.archived(p.config.Repo)
	set.Archived, set.Latest = p.wal.archivedBy(segment, asOf)
	running := said.Status.Lock.Backup.Held
	reading := Reading{Cluster: &set, Running: &running, AsOf: asOf}
	if p.config.File == "" {
		if at, err := p.archivedAt(ctx, folder, segment); err != nil {
			reading.Missing = append(reading.Missing, Unavailable{"wal_archived", err})
		} else if !at.IsZero() {
			set.Archived, set.Latest = at, time.Time{}
		}
	}
	reading.Databases, err = p.included(ctx, newest)
	if err != nil {
		reading.Missing = append(reading.Missing, Unavailable{"databases", err})
	}
	reading.emit = func(b *collectors.Builder) { said.emit(b, p.config, len(reading.Databases)) }
	return reading, nil
}

// ask is the tool's answer, or that which was written for us.
func (p *pgBackRest) ask(ctx context.Context, now time.Time) ([]byte, time.Time, error) {
	if p.config.File != "" {
		return tool.Answer(p.config.File)
	}
	text, err := tool.Run(ctx, p.command("info", "--output=json", p.repo()))
	return text, now, err
}

func (p *pgBackRest) repo() string { return "--repo=" + strconv.Itoa(p.config.Repo) }

func (p *pgBackRest) command(arguments ...string) []string {
	quiet := []string{"--stanza=" + p.config.Stanza, "--log-level-console=off", "--log-level-stderr=off", "--log-level-file=off"}
	return slices.Concat(p.config.Command, arguments[:1], quiet, arguments[1:])
}

func (p *pgBackRest) find(text []byte) (*stanza, error) {
	var said []stanza
	if err := tool.Decode(text, '[', &said); err != nil {
		return nil, fmt.Errorf("read pgbackrest info: %w", err)
	}
	for i := range said {
		if said[i].Name == p.config.Stanza {
			return &said[i], nil
		}
	}
	return nil, collectors.Because(collectors.ReasonMissing, errors.New("pgbackrest knows no such stanza"))
}

// repo says how a repository is encrypted, and in the form of an error that it cannot be read. The
// command itself ends well in either case.
func (s *stanza) repo(key int) (cipher string, err error) {
	for _, repo := range s.Repos {
		if repo.Key != key {
			continue
		}
		switch repo.Status.Code {
		case stanzaMissing:
			return "", collectors.Because(collectors.ReasonMissing, errors.New("the repository has no such stanza"))
		case stanzaWrongData:
			return "", collectors.Because(collectors.ReasonMissing, errors.New("the stanza's data is missing or of another cluster"))
		case stanzaOther:
			return "", unreachable(repo.Status.Message)
		}
		return repo.Cipher, nil
	}
	return "", collectors.Because(collectors.ReasonMissing, fmt.Errorf("the stanza has no repository %d", key))
}

var errorClass = regexp.MustCompile(`^\[([A-Za-z]{1,40})\]`)

// unreachable keeps of an error of pgBackRest its class alone: the rest names hosts and paths.
func unreachable(message string) error {
	class := "error"
	if found := errorClass.FindStringSubmatch(message); found != nil {
		class = found[1]
	}
	why := collectors.ReasonUnreachable
	switch {
	case class == "CryptoError", strings.Contains(message, "403"), strings.Contains(message, "AccessDenied"):
		why = collectors.ReasonAuth
	case class == "FileOpenError", class == "PathOpenError":
		why = collectors.ReasonPermission
	}
	return collectors.Because(why, fmt.Errorf("pgbackrest cannot read the repository (%s)", class))
}

// set is what a repository holds, and the label of its newest backup.
func (s *stanza) set(key int) (set Set, newest string) {
	for _, b := range s.Backups {
		if b.Database.Repo != key {
			continue
		}
		backup := Backup{
			Label: b.Label, Type: Type(b.Type), Size: b.Info.Repository.Delta,
			Start: time.Unix(b.Time.Start, 0), Stop: time.Unix(b.Time.Stop, 0),
		}
		if b.Error {
			backup.Fault = pageChecksums
		}
		if backup.Type != Full && backup.Type != Diff && backup.Type != Incr || b.Time.Stop <= 0 {
			continue
		}
		set.Backups = append(set.Backups, backup)
	}
	slices.SortStableFunc(set.Backups, func(x, y Backup) int { return x.Stop.Compare(y.Stop) })
	if len(set.Backups) > 0 {
		newest = set.Backups[len(set.Backups)-1].Label
	}
	return set, newest
}

var segmentName = regexp.MustCompile(`^[0-9A-F]{24}$`)

// archived is the newest segment in a repository, and the folder that it is in.
func (s *stanza) archived(key int) (segment, folder string) {
	for _, a := range s.Archive {
		if a.Database.Repo == key && segmentName.MatchString(a.Max) && archiveID.MatchString(a.ID) && a.Max > segment {
			segment, folder = a.Max, a.ID
		}
	}
	return segment, folder
}

var (
	archiveID   = regexp.MustCompile(`^[0-9.]+-[0-9]+$`)
	backupLabel = regexp.MustCompile(`^[0-9]{8}-[0-9]{6}F(_[0-9]{8}-[0-9]{6}[DI])?$`)
)

// archivedAt asks when the newest segment was written to the repository. The listing is that of
// one folder of the archive, which holds 256 segments at most.
func (p *pgBackRest) archivedAt(ctx context.Context, folder, segment string) (time.Time, error) {
	if segment == "" {
		return time.Time{}, nil
	}
	text, err := tool.Run(ctx, p.command("repo-ls", "--output=json", p.repo(),
		"archive/"+p.config.Stanza+"/"+folder+"/"+segment[:16]))
	if err != nil {
		return time.Time{}, err
	}
	listed := map[string]struct {
		Time int64 `json:"time"`
	}{}
	if err := tool.Decode(text, '{', &listed); err != nil {
		return time.Time{}, fmt.Errorf("list archived WAL: %w", err)
	}
	var at int64
	for name, file := range listed {
		if strings.HasPrefix(name, segment) {
			at = max(at, file.Time)
		}
	}
	if at == 0 {
		return time.Time{}, nil
	}
	return time.Unix(at, 0), nil
}

// included asks for the databases in the newest backup, once for each backup.
func (p *pgBackRest) included(ctx context.Context, newest string) ([]string, error) {
	if newest == p.listed || p.config.File != "" || !backupLabel.MatchString(newest) {
		if newest != p.listed {
			return nil, nil
		}
		return p.databases, nil
	}
	text, err := tool.Run(ctx, p.command("info", "--output=json", p.repo(), "--set="+newest))
	if err != nil {
		return nil, err
	}
	said, err := p.find(text)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, 64)
	for _, b := range said.Backups {
		for _, d := range b.DatabaseRef {
			names = append(names, d.Name)
		}
	}
	if len(names) == 0 {
		return nil, nil // a version that does not say
	}
	p.listed, p.databases = newest, names
	return names, nil
}
