"""Real devices: microphones, loudspeakers and loopbacks by PortAudio, the virtual camera, the webcam."""
