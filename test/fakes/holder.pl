# A process like SGLang's children: it sets its title, which overwrites its environment, and uses GPU memory some time later.
#
#   perl holder.pl TITLE FOLDER GPU MIB DELAY_MS [away]
#
# FOLDER is that of nvidia-smi.js; MIB 0 uses no memory. `away`: forks twice, and leaves the session and group of its parent.
# It ignores SIGTERM, and writes its pid to FOLDER/TITLE.pid when it is set up.
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
