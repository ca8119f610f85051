# What gdb sessions of this project begin with, from this folder, once gdb trusts it: `make debug` says how.
# Commands: tensor, text, rollout, a short backtrace (notebooks_md/gdb.py), cuda-threads and cuda-thread (cuda/threads.py).
set print frame-arguments presence
set confirm off
set pagination off
source cuda/threads.py
source notebooks_md/gdb.py
