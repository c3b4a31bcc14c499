# A process as SGLang's children are: it names itself, which wipes its environment, and takes GPU memory some time later.
#
#   perl holder.pl TITLE FOLDER GPU MIB DELAY_MS [away]
#
# FOLDER is that of nvidia-smi.js; MIB 0 takes nothing. `away`: it leaves session and group of who started it, twice
# forked. It heeds no SIGTERM, and writes its pid to FOLDER/TITLE.pid when it is what it will be.
use strict;
use warnings;
use POSIX ();

my ($title, $folder, $gpu, $mib, $delay, $away) = @ARGV;
$SIG{TERM} = 'IGNORE';
if ($away) {
  exit 0 if fork;
  POSIX::setsid();
  exit 0 if fork;
}
$0 = $title;
(my $file = $title) =~ s/\W+/-/g;
put("$folder/$file.pid", "$$\n");
select(undef, undef, undef, $delay / 1000);
put("$folder/holders/$$.json", qq({"pid":$$,"gpu":$gpu,"usedMiB":$mib})) if $mib;
sleep 3600 while 1;

sub put {
  my ($path, $text) = @_;
  open(my $out, '>', "$path.new") or die $!;
  print $out $text;
  close $out;
  rename "$path.new", $path;
}
